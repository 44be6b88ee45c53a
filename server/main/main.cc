#include "server/main/cli.h"

int main(int argc, char** argv) { return windhover::server::main::run(argc, argv); }
