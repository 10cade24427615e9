// As TensorRT 10.6.
#include "../fake_headers.h"
