// Apart from test.cc, so that a fuzzer may report claims and have a main() of its own.
#include <gtest/gtest.h>

int main(int argc, char **argv)
{
	testing::InitGoogleTest(&argc, argv);
	return RUN_ALL_TESTS();
}
