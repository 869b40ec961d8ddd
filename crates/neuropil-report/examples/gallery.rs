//! A small report with every kind of panel, from made-up data.
//!
//! `cargo run --release -p neuropil-report --example gallery -- FOLDER` writes it to FOLDER (`gallery` by default).

#[path = "gallery/sections.rs"]
mod sections;

fn main() -> Result<(), neuropil_report::ReportError> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "gallery".into());
    let page = sections::gallery().write(folder)?;
    println!("{}", page.display());
    Ok(())
}
