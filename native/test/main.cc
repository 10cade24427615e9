// The main function of every C++ test program.
#include "test/check.h"

int main(int argc, char** argv) { return trtnode::test::RunAll(argc, argv); }
