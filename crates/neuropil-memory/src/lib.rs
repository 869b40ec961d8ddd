//! Kernel memory networks and the associative memories they contain.
