// With mistakes.
#define WRONG
#include "../fake_headers.h"
