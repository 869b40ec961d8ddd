//! The `neuropil` program.

fn main() {
    std::process::exit(neuropil_cli::run(std::env::args_os()));
}
