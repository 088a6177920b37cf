// TensorFlow's C API for kernels, found in the libtensorflow that tfjs-node has loaded: no TensorFlow headers, nothing linked.
// Declarations as in tensorflow/c/{c_api,tf_status,tf_tensor,kernels,ops}.h, stable since TensorFlow 2.5.
#pragma once
#include <stddef.h>
#include <stdint.h>

struct TF_Buffer {
  const void* data;
  size_t length;
  void (*data_deallocator)(void* data, size_t length);
};
struct TF_KernelBuilder;
struct TF_OpDefinitionBuilder;
struct TF_OpKernelConstruction;
struct TF_OpKernelContext;
struct TF_ShapeInferenceContext;
struct TF_Status;
struct TF_Tensor;

enum { TF_OK = 0, TF_INVALID_ARGUMENT = 3, TF_RESOURCE_EXHAUSTED = 8 };  // TF_Code
enum { TF_FLOAT = 1, TF_INT32 = 3 };                                     // TF_DataType

#define TENSORFLOW_FUNCTIONS(F)                                                                                              \
  F(TF_Status*, TF_NewStatus, (void))                                                                                        \
  F(void, TF_DeleteStatus, (TF_Status*))                                                                                     \
  F(void, TF_SetStatus, (TF_Status*, int code, const char* message))                                                         \
  F(int, TF_GetCode, (const TF_Status*))                                                                                     \
  F(const char*, TF_Message, (const TF_Status*))                                                                             \
  F(TF_Buffer*, TF_GetAllOpList, (void))                                                                                     \
  F(void, TF_DeleteBuffer, (TF_Buffer*))                                                                                     \
  F(TF_OpDefinitionBuilder*, TF_NewOpDefinitionBuilder, (const char* name))                                                  \
  F(void, TF_OpDefinitionBuilderAddInput, (TF_OpDefinitionBuilder*, const char* spec))                                       \
  F(void, TF_OpDefinitionBuilderAddOutput, (TF_OpDefinitionBuilder*, const char* spec))                                      \
  F(void, TF_OpDefinitionBuilderAddAttr, (TF_OpDefinitionBuilder*, const char* spec))                                        \
  F(void, TF_OpDefinitionBuilderSetShapeInferenceFunction,                                                                   \
    (TF_OpDefinitionBuilder*, void (*infer)(TF_ShapeInferenceContext*, TF_Status*)))                                         \
  F(void, TF_RegisterOpDefinition, (TF_OpDefinitionBuilder*, TF_Status*))                                                    \
  F(void, TF_ShapeInferenceContextSetUnknownShape, (TF_ShapeInferenceContext*, TF_Status*))                                  \
  F(TF_KernelBuilder*, TF_NewKernelBuilder,                                                                                  \
    (const char* op, const char* device, void* (*create)(TF_OpKernelConstruction*), void (*compute)(void*, TF_OpKernelContext*), \
     void (*remove)(void*)))                                                                                                 \
  F(void, TF_RegisterKernelBuilder, (const char* name, TF_KernelBuilder*, TF_Status*))                                       \
  F(void, TF_OpKernelConstruction_GetAttrBool, (TF_OpKernelConstruction*, const char* name, unsigned char* value, TF_Status*)) \
  F(void, TF_OpKernelConstruction_GetAttrInt64, (TF_OpKernelConstruction*, const char* name, int64_t* value, TF_Status*))    \
  F(void, TF_OpKernelConstruction_GetAttrFloat, (TF_OpKernelConstruction*, const char* name, float* value, TF_Status*))      \
  F(void, TF_OpKernelConstruction_Failure, (TF_OpKernelConstruction*, TF_Status*))                                           \
  F(void, TF_OpKernelContext_Failure, (TF_OpKernelContext*, TF_Status*))                                                     \
  F(void, TF_GetInput, (TF_OpKernelContext*, int index, TF_Tensor** tensor, TF_Status*))                                     \
  F(TF_Tensor*, TF_AllocateOutput,                                                                                           \
    (TF_OpKernelContext*, int index, int dtype, const int64_t* shape, int rank, size_t bytes, TF_Status*))                   \
  F(void, TF_DeleteTensor, (TF_Tensor*))                                                                                     \
  F(void*, TF_TensorData, (const TF_Tensor*))                                                                                \
  F(int, TF_NumDims, (const TF_Tensor*))                                                                                     \
  F(int64_t, TF_Dim, (const TF_Tensor*, int index))

#define DECLARE(result, name, parameters) extern result(*name) parameters;
TENSORFLOW_FUNCTIONS(DECLARE)
#undef DECLARE

// Finds the functions. Returns null, or what is missing.
const char* findTensorFlow();
