//! Loss landscapes of multi-layer perceptrons: permutation symmetry, saddles and zero-loss paths.
//!
//! The hidden neurons of a network can be relabelled without changing what it computes, so a minimum never comes alone,
//! and a network with more neurons than it needs can write the same function in many ways: a neuron may be copied, its
//! outgoing weight shared among the copies, and neurons without effect may fill the rest. Each way is an affine subspace
//! of parameters. Such subspaces of zero loss are counted by `T(r, m)`, those of critical points of positive loss by
//! `G(r, m)`; with one spare neuron the former are connected to one manifold (Simsek et al. 2021, arXiv:2105.12221).
//! Without one, two minima that differ by the exchange of two neurons are separated by a saddle at which these two
//! coincide (Brea et al. 2019, arXiv:1907.02911). This crate trains networks to rounding, says what was reached, counts,
//! and builds the saddles and the paths.
//!
//! # Train, and ask what was found
//!
//! Four neurons make the data, five learn them. Where a student arrives at zero loss, every zero eigenvalue of its
//! Hessian has a reason: here the spare neuron is a copy, or has no effect.
//!
//! ```
//! use neuropil_core::{progress::Monitor, random::Seed};
//! use neuropil_landscape::critical_point::{CriticalPointReport, ReportParameters};
//! use neuropil_landscape::{Activation, Initialisation, TeacherOutputs, TeacherTask, TrainParameters, train_many};
//!
//! let task = TeacherTask::new(Activation::G, TeacherOutputs::One)?;
//! let student = task.student(5)?;
//! let (how, silent) = (TrainParameters::default().without_trajectory(), Monitor::silent());
//! let found = train_many(&student, 4, Initialisation::default(), Seed::new(0), &how, &silent)?;
//! let best = found.iter().min_by(|a, b| a.loss.total_cmp(&b.loss)).unwrap();
//! assert!(best.loss < 1e-25);
//! let point = student.network().parameters(best.theta.clone())?;
//! let report = CriticalPointReport::new(&student, &point, &ReportParameters::default())?;
//! assert_eq!((report.index, report.unexplained), (0, 0));
//! assert_eq!(report.reduced_widths, [4]);
//! # Ok::<(), neuropil_landscape::Error>(())
//! ```
//!
//! # Walk at zero loss
//!
//! A neuron without effect is a free slot: weights move into it, and another slot is free. Seven straight segments
//! exchange two neurons.
//!
//! ```
//! use ndarray::array;
//! use neuropil_landscape::expansion::add_silent;
//! use neuropil_landscape::reduction::ReductionTolerance;
//! use neuropil_landscape::zero_loss_path::zero_loss_path;
//! use neuropil_landscape::{Activation, TeacherOutputs, TeacherTask, count};
//!
//! let task = TeacherTask::new(Activation::G, TeacherOutputs::One)?;
//! let start = add_silent(&task.teacher, 0, array![0.4, -0.3])?;
//! let path = zero_loss_path(&start, &[vec![1, 0, 2, 3, 4]], &ReductionTolerance::default())?;
//! assert_eq!(path.segments(), 7);
//! assert!(path.max_loss(&task.student(5)?, 50)? < 1e-27);
//! // Of how many pieces does the manifold consist on which it walks?
//! assert_eq!(count::global_minima_subspaces(4, 5).to_string(), "360");
//! # Ok::<(), neuropil_landscape::Error>(())
//! ```
//!
//! # Where things are
//!
//! | question | module |
//! |---|---|
//! | Which network, which activation, which data? | [`network`], [`activation`], [`data`]; [`tasks`] for the papers' |
//! | Loss, gradient, Hessian, Hessian times a vector | [`loss`], [`gradient`], [`hessian`], [`hessian_vector`]; [`gaussian_data`] for infinitely many samples |
//! | Eigenvalues: all, the ends, the density | [`spectrum`], [`lanczos`] |
//! | Train to rounding | [`train`](mod@train), made of [`flow`] and [`polish`](mod@polish); many networks at once with Adam: [`ensemble`] |
//! | What kind of point is this, and why is this eigenvalue zero? | [`critical_point`] |
//! | How many critical subspaces, how many of minima? | [`count`], [`ratio`]; one by one: [`enumeration`], [`expansion_graph`] |
//! | Copy, merge, permute, add neurons | [`expansion`]; and undo it: [`reduction`] |
//! | Paths at zero loss; over a saddle; along a plateau | [`zero_loss_path`], [`permutation_path`], [`plateau`] |
//! | Are two networks the same? | [`alignment`] |
//! | Parameters of other programs | [`import`] |
//!
//! Rows are samples. Parameters are one vector: the weights of the first layer row by row, its biases, the weights of the
//! second layer, ... Layers and neurons are counted from 0. The square loss is the mean over samples of the sum over
//! outputs, without a factor of one half, unless said otherwise.

pub mod activation;
pub mod adam_rounds;
pub mod alignment;
pub mod bounded;
mod buffer;
pub mod count;
pub mod critical_point;
pub mod data;
mod eigen;
pub mod ensemble;
pub mod enumeration;
pub mod error;
pub mod expansion;
pub mod expansion_graph;
mod explicit;
mod flat_directions;
pub mod flow;
mod forward;
pub mod gaussian_data;
pub mod gradient;
pub mod hessian;
pub mod hessian_vector;
pub mod import;
pub mod lanczos;
pub mod loss;
pub mod network;
pub mod neuron;
pub mod overlap;
mod overlap_curvature;
mod pair;
pub mod permutation_path;
pub mod plateau;
pub mod polish;
mod positive_definite;
mod product;
pub mod ratio;
pub mod reduction;
mod rosenbrock;
pub mod smooth;
pub mod soft_merge;
pub mod spectrum;
pub mod tasks;
pub mod train;
mod two_layer_hessian;
pub mod zero_loss_path;

pub use activation::{Activation, SignSymmetry};
pub use adam_rounds::{AdamRounds, TrainedInRounds, train_in_rounds};
pub use bounded::Bounded;
pub use data::Dataset;
pub use ensemble::{AdamCourse, AdamParameters, adam};
pub use error::{Error, Result};
pub use flow::{Flow, FlowEnd, FlowParameters, Record, Solver, Trajectory, gradient_flow};
pub use gaussian_data::InfiniteData;
pub use hessian::Derivatives;
pub use lanczos::{LanczosParameters, extreme_eigenvalues, spectral_density};
pub use loss::{Loss, Objective};
pub use network::{Bias, Initialisation, LayerActivation, LayerView, Mlp, Parameters};
pub use polish::{PolishMethod, PolishParameters, Polished, Status, polish};
pub use smooth::{Landscape, Smooth};
pub use spectrum::{Eigenvectors, Spectrum};
pub use tasks::{TeacherOutputs, TeacherTask};
pub use train::{TrainParameters, Trained, random_starts, train, train_from, train_many};
