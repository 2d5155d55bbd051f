"""One small program for each transport, to be run wherever the transport has been put."""
