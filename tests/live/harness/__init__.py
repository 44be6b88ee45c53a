"""What the live tests and the benchmark share: namespaces, a server inside one, and clients of the real kernel."""
