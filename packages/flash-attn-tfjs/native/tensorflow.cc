#include "tensorflow.h"

#include <dlfcn.h>
#include <string.h>
#if defined(__APPLE__)
#include <mach-o/dyld.h>
#else
#include <link.h>
#endif

#if defined(__x86_64__) && defined(__GLIBC__)
// glibc 2.34 moved these to another library; their older names are there before and after it
__asm__(".symver dlopen,dlopen@GLIBC_2.2.5");
__asm__(".symver dlsym,dlsym@GLIBC_2.2.5");
#endif

#define DEFINE(result, name, parameters) result(*name) parameters = nullptr;
TENSORFLOW_FUNCTIONS(DEFINE)
#undef DEFINE

namespace {

// A library of TensorFlow that has what kernels need: libtensorflow, or libtensorflow_framework beside it.
bool isTensorFlow(void* library) { return library != nullptr && dlsym(library, "TF_RegisterKernelBuilder") != nullptr && dlsym(library, "TF_GetAllOpList") != nullptr; }

void* openIfTensorFlow(const char* path) {
  if (path == nullptr || strstr(path, "libtensorflow") == nullptr) return nullptr;
  void* const library = dlopen(path, RTLD_NOLOAD | RTLD_NOW);
  return isTensorFlow(library) ? library : nullptr;
}

#if defined(__APPLE__)
void* loadedTensorFlow() {
  for (uint32_t i = 0; i < _dyld_image_count(); i++)
    if (void* const library = openIfTensorFlow(_dyld_get_image_name(i))) return library;
  return nullptr;
}
#else
int visit(dl_phdr_info* info, size_t, void* found) {
  void* const library = openIfTensorFlow(info->dlpi_name);
  if (library != nullptr) *static_cast<void**>(found) = library;
  return library != nullptr;
}

void* loadedTensorFlow() {
  void* found = nullptr;
  dl_iterate_phdr(visit, &found);
  return found;
}
#endif

}  // namespace

const char* findTensorFlow() {
  void* const library = loadedTensorFlow();
  if (library == nullptr) return "libtensorflow, which @tensorflow/tfjs-node loads";
#define FIND(result, name, parameters) \
  name = reinterpret_cast<result(*) parameters>(dlsym(library, #name)); \
  if (name == nullptr) return #name;
  TENSORFLOW_FUNCTIONS(FIND)
#undef FIND
  return nullptr;
}
