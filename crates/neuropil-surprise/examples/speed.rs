use neuropil_surprise::family::*; use neuropil_surprise::hazard::Hazard; use neuropil_surprise::run_length::*; use neuropil_surprise::varsmile::*; use neuropil_surprise::Learner; use neuropil_surprise::particle::*;
use neuropil_core::random::*; use std::time::Instant;
fn main(){ let only=std::env::args().nth(1);
  let mut s=Seed::new(1).stream(); let n=100_000; let mut mu=0.0; let mut ys=vec![];
  for _ in 0..n { if uniform(&mut s)<0.005 { mu=6.0*(uniform(&mut s)-0.5);} let z: f64=(0..12).map(|_|uniform(&mut s)).sum::<f64>()-6.0; ys.push(mu+z);}
  for (name,cut,cap) in [("nig 1e-12",1e-12,None),("nig cap1000",0.0,Some(1000)),("nig cap200",0.0,Some(200))] { if only.as_deref().is_some_and(|o| o!=name) {continue;}
    let mut f=RunLengthFilter::new(NormalInverseGamma::default(),Hazard::Constant(0.005),Truncation::Prune{cutoff:cut,max_run_length:cap,max_hypotheses:100_000},0).unwrap();
    let t=Instant::now(); let mut le=0.0; let mut k=0; let mut below=0; for &y in &ys { le+=f.step(&[y]).log_predictive; k+=f.n_hypotheses(); if f.map_run_length().unwrap()<10 {below+=1;} }
    let e=t.elapsed().as_secs_f64(); println!("{name}: {e:.3} s, K {:.1}, {:.2} ns/hyp, logev {le} below {below}", k as f64/n as f64, e*1e9/k as f64);
  }
  if only.is_some() {return;} { let mut f=RunLengthFilter::new(Gaussian{sigma:1.0,prior_mean:0.0,prior_sd:3.0},Hazard::Constant(0.005),Truncation::Prune{cutoff:1e-16,max_run_length:None,max_hypotheses:100_000},0).unwrap();
    let t=Instant::now(); let mut le=0.0; let mut k=0; for &y in &ys { le+=f.step(&[y]).log_predictive; k+=f.n_hypotheses(); let mut m=[0.0]; f.mean(&mut m); }
    let e=t.elapsed().as_secs_f64(); println!("gauss: {e:.3} s, K {:.1}, {:.2} ns/hyp, logev {le}", k as f64/n as f64, e*1e9/k as f64); }
  { let mut f=RunLengthFilter::new(NormalInverseGamma::default(),Hazard::Constant(0.005),Truncation::Prune{cutoff:0.0,max_run_length:None,max_hypotheses:100_000},0).unwrap();
    let t=Instant::now(); for &y in &ys[..10_000] { f.step(&[y]); } println!("unpruned 1e4 {:.3}", t.elapsed().as_secs_f64()); }
  for n in [10,20] { let mut f=RunLengthFilter::new(Gaussian::default(),Hazard::Constant(0.005),Truncation::Keep{n,overflow:Overflow::Drop,protect:0},0).unwrap();
    let t=Instant::now(); for &y in &ys { f.step(&[y]); } println!("mp{n} {:.3}", t.elapsed().as_secs_f64());
   let mut f=RunLengthFilter::new(Gaussian::default(),Hazard::Constant(0.005),Truncation::Keep{n,overflow:Overflow::Merge,protect:0},0).unwrap();
    let t=Instant::now(); for &y in &ys { f.step(&[y]); } println!("mp{n} merge {:.3}", t.elapsed().as_secs_f64());
   let mut f=RunLengthFilter::new(Gaussian::default(),Hazard::Constant(0.005),Truncation::Resample{n,threshold:Default::default()},0).unwrap();
    let t=Instant::now(); for &y in &ys { f.step(&[y]); } println!("sor{n} {:.3}", t.elapsed().as_secs_f64());
   let mut f=ParticleFilter::new(Gaussian::default(),Hazard::Constant(0.005),n,0).unwrap();
    let t=Instant::now(); for &y in &ys { f.step(&[y]); } println!("pf{n} {:.3}", t.elapsed().as_secs_f64()); }
  { let mut f=VarSmile::new(Gaussian::default(),Modulation::Fixed(0.05)).unwrap(); let t=Instant::now(); for _ in 0..10 { for &y in &ys { f.step(&[y]); } } println!("varsmile 1e6 {:.3}", t.elapsed().as_secs_f64()); }
}
