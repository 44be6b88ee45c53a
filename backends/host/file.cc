#include "backends/host/file.h"

#include <unistd.h>

namespace windhover::backends::host {

File::~File() {
  if (fd_ >= 0) close(fd_);
}

}  // namespace windhover::backends::host
