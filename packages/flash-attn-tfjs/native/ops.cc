// The two TensorFlow ops: names, inputs and attributes; checks of what they are given; from tensors to a problem and back.
#include "ops.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attention.h"
#include "tensorflow.h"

namespace {

enum Input { QUERY, KEY, VALUE, QUERY_IDS, KEY_IDS, OUT, LOG_SUM_EXP, D_OUT, D_LOG_SUM_EXP, NUM_INPUTS };

// An empty tensor [0] stands for one that is left out: segment ids, dLogSumExp.
constexpr const char* INPUTS[NUM_INPUTS] = {
    "query: float", "key: float",         "value: float", "query_segment_ids: int32",  "key_segment_ids: int32",
    "out: float",   "log_sum_exp: float", "d_out: float", "d_log_sum_exp: float",
};
constexpr int FORWARD_INPUTS = OUT;
constexpr const char* ATTRIBUTES[] = {"causal: bool", "scale: float", "window: int", "softcap: float", "threads: int", "simd: int"};
constexpr const char* SIMD[] = {"", "avx512", "avx2", "simd128"};  // by the attribute; 0: the best there is

struct Attributes {
  unsigned char causal;
  float scale, softcap;
  int64_t window, threads, simd;
};

// What a call gets and makes, let go at its end; remembers the first thing that went wrong.
struct Call {
  TF_OpKernelContext* context;
  TF_Status* status = TF_NewStatus();
  TF_Tensor* tensors[NUM_INPUTS + 3] = {};
  int numTensors = 0;

  explicit Call(TF_OpKernelContext* context) : context(context) {}
  ~Call() {
    if (!ok()) TF_OpKernelContext_Failure(context, status);
    for (int i = 0; i < numTensors; i++)
      if (tensors[i] != nullptr) TF_DeleteTensor(tensors[i]);
    TF_DeleteStatus(status);
  }
  bool ok() const { return TF_GetCode(status) == TF_OK; }
  bool fail(int code, const char* message) {
    if (ok()) TF_SetStatus(status, code, message);
    return false;
  }
  bool readInputs(int count) {
    for (; numTensors < count && ok(); numTensors++) TF_GetInput(context, numTensors, &tensors[numTensors], status);
    return ok();
  }
  bool isAbsent(Input i) const { return TF_NumDims(tensors[i]) == 1 && TF_Dim(tensors[i], 0) == 0; }
  template <class X> const X* data(Input i) const { return isAbsent(i) ? nullptr : static_cast<const X*>(TF_TensorData(tensors[i])); }

  template <int RANK> bool expectShape(Input i, const int64_t (&shape)[RANK]) {
    if (!ok()) return false;
    bool same = TF_NumDims(tensors[i]) == RANK;
    for (int d = 0; d < RANK && same; d++) same = TF_Dim(tensors[i], d) == shape[d];
    if (same) return true;
    char message[256];
    int length = snprintf(message, sizeof message, "FlashAttention: %.*s has shape [", static_cast<int>(strcspn(INPUTS[i], ":")), INPUTS[i]);
    for (int d = 0; d < TF_NumDims(tensors[i]) && length < 160; d++)
      length += snprintf(message + length, sizeof message - length, d == 0 ? "%lld" : ",%lld", static_cast<long long>(TF_Dim(tensors[i], d)));
    length += snprintf(message + length, sizeof message - length, "] and needs [");
    for (int d = 0; d < RANK; d++)
      length += snprintf(message + length, sizeof message - length, d == 0 ? "%lld" : ",%lld", static_cast<long long>(shape[d]));
    snprintf(message + length, sizeof message - length, "]");
    return fail(TF_INVALID_ARGUMENT, message);
  }

  template <int RANK> float* makeOutput(int index, const int64_t (&shape)[RANK]) {
    if (!ok()) return nullptr;
    size_t bytes = sizeof(float);
    for (const int64_t size : shape) bytes *= size;
    TF_Tensor* const output = tensors[numTensors++] = TF_AllocateOutput(context, index, TF_FLOAT, shape, RANK, bytes, status);
    return ok() ? static_cast<float*>(TF_TensorData(output)) : nullptr;
  }
};

// Sizes and inputs that both ops have.
bool readProblem(Call& call, const Attributes& attributes, Problem& p) {
  const TF_Tensor *const query = call.tensors[QUERY], *const key = call.tensors[KEY];
  if (TF_NumDims(query) != 4 || TF_NumDims(key) != 4)
    return call.fail(TF_INVALID_ARGUMENT, "FlashAttention: query and key need rank 4, [batch, time, heads, headDim]");
  p.B = TF_Dim(query, 0);
  p.T = TF_Dim(query, 1);
  p.H = TF_Dim(query, 2);
  p.D = TF_Dim(query, 3);
  p.S = TF_Dim(key, 1);
  p.K = TF_Dim(key, 2);
  if (p.B < 1 || p.T < 1 || p.S < 1 || p.D < 1 || p.K < 1 || p.H < 1 || p.H % p.K != 0)
    return call.fail(TF_INVALID_ARGUMENT, "FlashAttention: every dimension needs to be at least 1, and the heads of query a multiple of those of key");
  call.expectShape(KEY, {p.B, p.S, p.K, p.D});
  call.expectShape(VALUE, {p.B, p.S, p.K, p.D});
  if (call.isAbsent(QUERY_IDS) != call.isAbsent(KEY_IDS))
    return call.fail(TF_INVALID_ARGUMENT, "FlashAttention: segment ids are needed for both query and key, or for neither");
  if (!call.isAbsent(QUERY_IDS)) {
    call.expectShape(QUERY_IDS, {p.B, p.T});
    call.expectShape(KEY_IDS, {p.B, p.S});
  }
  p.causal = attributes.causal != 0;
  p.scale = attributes.scale;
  p.window = attributes.window;
  p.softcap = attributes.softcap;
  p.query = call.data<float>(QUERY);
  p.key = call.data<float>(KEY);
  p.value = call.data<float>(VALUE);
  p.queryIds = call.data<int32_t>(QUERY_IDS);
  p.keyIds = call.data<int32_t>(KEY_IDS);
  return call.ok();
}

void finish(Call& call, const char* missing) {
  if (missing == nullptr) return;
  char message[128];
  snprintf(message, sizeof message, "FlashAttention: out of memory for %s", missing);
  call.fail(TF_RESOURCE_EXHAUSTED, message);
}

const Kernels& kernelsOf(const Attributes& attributes) { return *findKernels(SIMD[attributes.simd]); }

void computeForward(void* kernel, TF_OpKernelContext* context) {
  const Attributes& attributes = *static_cast<Attributes*>(kernel);
  Call call(context);
  Problem p{};
  if (!call.readInputs(FORWARD_INPUTS) || !readProblem(call, attributes, p)) return;
  p.out = call.makeOutput(0, {p.B, p.T, p.H, p.D});
  p.logSumExp = call.makeOutput(1, {p.B, p.H, p.T});
  if (call.ok()) finish(call, attentionForward(p, kernelsOf(attributes), static_cast<int>(attributes.threads)));
}

void computeBackward(void* kernel, TF_OpKernelContext* context) {
  const Attributes& attributes = *static_cast<Attributes*>(kernel);
  Call call(context);
  Problem p{};
  if (!call.readInputs(NUM_INPUTS) || !readProblem(call, attributes, p)) return;
  call.expectShape(OUT, {p.B, p.T, p.H, p.D});
  call.expectShape(D_OUT, {p.B, p.T, p.H, p.D});
  call.expectShape(LOG_SUM_EXP, {p.B, p.H, p.T});
  if (!call.isAbsent(D_LOG_SUM_EXP)) call.expectShape(D_LOG_SUM_EXP, {p.B, p.H, p.T});
  p.savedOut = call.data<float>(OUT);
  p.dOut = call.data<float>(D_OUT);
  p.savedLogSumExp = call.data<float>(LOG_SUM_EXP);
  p.dLogSumExp = call.data<float>(D_LOG_SUM_EXP);
  p.dQuery = call.makeOutput(0, {p.B, p.T, p.H, p.D});
  p.dKey = call.makeOutput(1, {p.B, p.S, p.K, p.D});
  p.dValue = call.makeOutput(2, {p.B, p.S, p.K, p.D});
  if (call.ok()) finish(call, attentionBackward(p, kernelsOf(attributes), static_cast<int>(attributes.threads)));
}

void* createKernel(TF_OpKernelConstruction* construction) {
  TF_Status* const status = TF_NewStatus();
  Attributes attributes;
  TF_OpKernelConstruction_GetAttrBool(construction, "causal", &attributes.causal, status);
  if (TF_GetCode(status) == TF_OK) TF_OpKernelConstruction_GetAttrFloat(construction, "scale", &attributes.scale, status);
  if (TF_GetCode(status) == TF_OK) TF_OpKernelConstruction_GetAttrInt64(construction, "window", &attributes.window, status);
  if (TF_GetCode(status) == TF_OK) TF_OpKernelConstruction_GetAttrFloat(construction, "softcap", &attributes.softcap, status);
  if (TF_GetCode(status) == TF_OK) TF_OpKernelConstruction_GetAttrInt64(construction, "threads", &attributes.threads, status);
  if (TF_GetCode(status) == TF_OK) TF_OpKernelConstruction_GetAttrInt64(construction, "simd", &attributes.simd, status);
  Attributes* kept = nullptr;
  if (TF_GetCode(status) == TF_OK && (attributes.simd < 0 || attributes.simd > 3 || findKernels(SIMD[attributes.simd]) == nullptr))
    TF_SetStatus(status, TF_INVALID_ARGUMENT, "FlashAttention: this processor does not have the instructions asked for");
  if (TF_GetCode(status) == TF_OK && (kept = static_cast<Attributes*>(malloc(sizeof attributes))) == nullptr)
    TF_SetStatus(status, TF_RESOURCE_EXHAUSTED, "FlashAttention: out of memory");
  if (kept != nullptr) *kept = attributes;
  else TF_OpKernelConstruction_Failure(construction, status);
  TF_DeleteStatus(status);
  return kept;
}

void inferUnknownShapes(TF_ShapeInferenceContext* context, TF_Status* status) { TF_ShapeInferenceContextSetUnknownShape(context, status); }

void registerOp(const char* name, int numInputs, const char* const* outputs, int numOutputs, void (*compute)(void*, TF_OpKernelContext*), TF_Status* status) {
  TF_OpDefinitionBuilder* const op = TF_NewOpDefinitionBuilder(name);
  for (int i = 0; i < numInputs; i++) TF_OpDefinitionBuilderAddInput(op, INPUTS[i]);
  for (int i = 0; i < numOutputs; i++) TF_OpDefinitionBuilderAddOutput(op, outputs[i]);
  for (const char* attribute : ATTRIBUTES) TF_OpDefinitionBuilderAddAttr(op, attribute);
  TF_OpDefinitionBuilderSetShapeInferenceFunction(op, inferUnknownShapes);
  TF_RegisterOpDefinition(op, status);
  if (TF_GetCode(status) != TF_OK) return;
  TF_RegisterKernelBuilder(name, TF_NewKernelBuilder(name, "CPU", createKernel, compute, free), status);
}

// TensorFlow ends the process when a name is registered twice, so look before.
bool isRegistered(const char* name) {
  TF_Buffer* const ops = TF_GetAllOpList();
  const size_t length = strlen(name);
  const char* const text = static_cast<const char*>(ops->data);
  bool found = false;
  for (size_t i = 0; i + length <= ops->length && !found; i++) found = text[i] == name[0] && memcmp(text + i, name, length) == 0;
  TF_DeleteBuffer(ops);
  return found;
}

}  // namespace

const char* registerOps() {
  static const char* const outputs[] = {"out: float", "log_sum_exp: float"};
  static const char* const gradients[] = {"d_query: float", "d_key: float", "d_value: float"};
  static char message[256];
  if (const char* const missing = findTensorFlow()) {
    snprintf(message, sizeof message, "found no %s", missing);
    return message;
  }
  if (isRegistered("FlashAttnTfjs1")) return nullptr;
  TF_Status* const status = TF_NewStatus();
  registerOp("FlashAttnTfjs1", FORWARD_INPUTS, outputs, 2, computeForward, status);
  if (TF_GetCode(status) == TF_OK) registerOp("FlashAttnTfjs1Grad", NUM_INPUTS, gradients, 3, computeBackward, status);
  const bool failed = TF_GetCode(status) != TF_OK;
  if (failed) snprintf(message, sizeof message, "TensorFlow: %s", TF_Message(status));
  TF_DeleteStatus(status);
  return failed ? message : nullptr;
}
