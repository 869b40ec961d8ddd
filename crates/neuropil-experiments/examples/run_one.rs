use neuropil_core::progress::Monitor;
use neuropil_experiments::*;
fn main() {
    let ids: Vec<String> = std::env::args().skip(1).collect();
    let full = ids.iter().any(|i| i == "--full");
    for e in all() {
        if !ids.iter().any(|i| e.info().id == i) { continue; }
        let t = std::time::Instant::now();
        let c = Context { size: if full {Size::Full} else {Size::Quick}, seed: 0, monitor: Monitor::silent() };
        match e.run(&c) {
            Err(err) => println!("{} ERROR {err}", e.info().id),
            Ok(s) => {
                println!("=== {} {:.1} s", e.info().id, t.elapsed().as_secs_f64());
                for c in &s.claims { println!("{:8} {:32} {:.5} [{}] ref {:?} | {}", format!("{:?}",c.verdict()), c.id(), c.measured(), c.criterion(), c.reference_value(), c.statement()); }
                let d = format!("/work/wt/experiments-out/{}", e.info().id);
                std::fs::create_dir_all(&d).unwrap();
                for f in &s.figures { f.save(format!("{d}/{}.png", f.id())).unwrap(); }
                for t in &s.tables { std::fs::write(format!("{d}/{}.csv", t.id()), t.to_csv()).unwrap(); }
            }
        }
    }
}
