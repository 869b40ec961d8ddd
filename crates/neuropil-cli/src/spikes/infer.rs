//! `neuropil spikes infer`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use ndarray::{Array1, Array2, ArrayD};
use neuropil_core::progress::Monitor;
use neuropil_data::spikes::BinRule;
use neuropil_report::{Cell, Table};
use neuropil_spikes::inference::clustering::{Clustering, ClusteringOptions, cluster_neurons};
use neuropil_spikes::inference::curvature::{ParameterGaussian, precision_with_hidden_activity};
use neuropil_spikes::inference::{
    BaumViterbi, CouplingRule, EStep, Fit, FitOptions, HiddenActivity, LaplaceOptions, LikelihoodOptions, OldAges,
    Recording, hidden_activity,
};
use neuropil_spikes::meso::{Scheme, simulate_meso_with};
use neuropil_spikes::start::Start;
use neuropil_spikes::{MesoOptions, Network, PopulationParameters};
use serde_json::json;

use crate::delivery::{Delivery, Summary};
use crate::failure::{Failure, Result};
use crate::options::Context;
use crate::outputs::{Outputs, ResultTable};
use crate::spikes::coarser;
use crate::spikes::fit_file::FitFile;
use crate::spikes::infer_figure::{Shown, figure};
use crate::spikes::network_args::NetworkArgs;
use crate::spikes::recording_args::{Loaded, RecordingArgs};

/// Infer the hidden circuit behind recorded spikes: couplings, constants, activity of every population
///
/// The first second (or fifth) of every trial gives the ages of the neurons; the rest is fitted. What is known goes into the
/// template: with --circuit or --network its parameters are the centres of the bounds; without, populations of --sizes
/// neurons with couplings of either sign. Parameters are effective at the bin width --dt: simulate them with it.
#[derive(Debug, Args)]
#[command(after_help = r"Examples:
  neuropil spikes infer data/wta_spikes.csv --circuit winner-take-all --rounds 3 --restarts 2 \
      --bands --uncertainty --out fit.json --plot fit.svg
  neuropil spikes infer data/wta_spikes.csv --cluster 3 --sizes 400,400,200 --rounds 2 \
      --restarts 2 --out fit")]
pub(crate) struct InferArgs {
    #[command(flatten)]
    recording: RecordingArgs,
    #[command(flatten)]
    network: NetworkArgs,
    /// Population of every neuron, counted from 0 [default: the population column of the file]
    #[arg(long, value_name = "M,...", value_delimiter = ',', conflicts_with = "cluster", help_heading = "Populations")]
    labels: Vec<usize>,
    /// Find so many populations among the neurons; 0 lets the silhouette choose
    #[arg(long, value_name = "M", help_heading = "Populations")]
    cluster: Option<usize>,
    /// Neurons of every population of the circuit, recorded or not [default: the template's, or 400 each]
    #[arg(long, value_name = "N,...", value_delimiter = ',', help_heading = "Populations")]
    sizes: Vec<usize>,
    /// Refractory period, s [default: the template's, or 0.004]
    #[arg(long, value_name = "S", help_heading = "Populations")]
    t_ref: Option<f64>,
    /// Which couplings are free [default: per-row with a template, else unsigned]
    #[arg(long, value_name = "RULE", help_heading = "Fit")]
    coupling: Option<CouplingName>,
    /// unsigned: largest coupling, in units of the softness
    #[arg(long, value_name = "W", default_value_t = 20.0, help_heading = "Fit")]
    limit: f64,
    /// How the activity is updated: laplace (jointly with the parameters) or adam (published)
    #[arg(long, value_name = "NAME", default_value = "laplace", help_heading = "Fit")]
    e_step: EStepName,
    /// Random starts
    #[arg(long, value_name = "N", default_value_t = 5, help_heading = "Fit")]
    restarts: usize,
    /// Largest number of rounds
    #[arg(long, value_name = "N", default_value_t = 20, help_heading = "Fit")]
    rounds: usize,
    /// Age bins, older neurons in a pool [default: eight membrane time constants]
    #[arg(long, value_name = "K", help_heading = "Fit")]
    age_bins: Option<usize>,
    /// Drop neurons older than the age bins, as published, instead of pooling them
    #[arg(long, requires = "age_bins", help_heading = "Fit")]
    drop_old: bool,
    /// Keep the state of the fit in this file, and go on from it
    #[arg(long, value_name = "FILE", help_heading = "Fit")]
    checkpoint: Option<PathBuf>,
    /// Also find bands for the activity (90 %) and the evidence
    #[arg(long, help_heading = "Uncertainty")]
    bands: bool,
    /// Also find how well the parameters are determined, for the intervals of `perturb`
    #[arg(long, help_heading = "Uncertainty")]
    uncertainty: bool,
    /// Length of the free run of the fitted circuit, s
    #[arg(long, value_name = "S", default_value_t = 100.0, help_heading = "Fit")]
    free_run: f64,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum CouplingName {
    /// One strength per population of origin, signs and ratios of the template
    PerRow,
    /// Every coupling of the template, with its sign
    PerEntry,
    /// Every coupling, with either sign
    Unsigned,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum EStepName {
    Adam,
    Laplace,
}

/// The populations of the recorded neurons.
struct Populations {
    names: Vec<String>,
    labels: Vec<usize>,
    clustering: Option<Clustering>,
}

pub(crate) fn run(args: &InferArgs, context: &Context<'_>) -> Result<i32> {
    let outputs = Outputs::plan(context.global, "infer")?;
    let loaded = args.recording.read(context, BinRule::Binary)?;
    let populations = args.populations(&loaded, context.global.seed())?;
    let template = args.template(&populations)?;
    let recording = recording(&loaded, &populations.labels, template.n_populations(), args.recording.dt)?;
    let options = args.options(context.global.seed());
    let problem = BaumViterbi::new(&template, &recording, options.clone())?;
    let monitor = context.monitor();
    let fit = match &args.checkpoint {
        Some(path) => problem.fit_with_checkpoint(path, &monitor)?,
        None => problem.fit(&monitor)?,
    };
    let hidden = args.bands.then(|| {
        let settings = LaplaceOptions { seed: context.global.seed(), ..LaplaceOptions::default() };
        hidden_activity(problem.likelihood(), &fit.circuit, &fit.activity, &settings, &monitor)
    });
    let hidden = hidden.transpose()?;
    let uncertainty = args.uncertainty.then(|| -> Result<ParameterGaussian> {
        let numbers = &fit.restarts[fit.best].numbers;
        let precision =
            precision_with_hidden_activity(problem.likelihood(), &fit.free, numbers, &fit.activity, &monitor)?;
        let width: Vec<f64> =
            fit.free.upper.iter().zip(&fit.free.lower).map(|(high, low)| (high - low) / 4.0).collect();
        Ok(ParameterGaussian::new(numbers, &precision, &width)?)
    });
    let uncertainty = uncertainty.transpose()?;
    let mut warnings = fit.warnings.clone();
    let mean_activity = mean_activity(&fit);
    let free_run = args.free_run(&fit, &mean_activity, context, &monitor)?;
    for m in 0..mean_activity.len() {
        let free = free_run.column(m).mean().unwrap_or(f64::NAN);
        if (free / mean_activity[m] - 1.0).abs() > 0.2 {
            warnings.push(format!(
                "population {m} has {free:.2} Hz in a free run of the fitted circuit, but {:.2} Hz in the recording: its level, or \
                 the share of time in each state of the circuit, differs",
                mean_activity[m]
            ));
        }
    }
    if nats_per_spike(&fit, &recording) < 0.0 {
        warnings.push(
            "the circuit explains the spikes worse than constant rates do: these neurons are not integrate-and-fire neurons \
             of such populations (bursts, adaptation, a refractory period that is too long?)"
                .into(),
        );
    }
    if hidden.as_ref().is_some_and(|hidden| hidden.log_evidence_error > 20.0) {
        warnings.push(
            "the Gaussian approximation of the hidden activity is not reliable here (see the standard error of the \
             evidence): the bands may be far too wide or too narrow; a shorter --dt helps"
                .into(),
        );
    }
    for warning in &warnings {
        context.console.warn(warning);
    }
    let file = FitFile {
        network: fit.network.clone(),
        populations: populations.names.clone(),
        labels: populations.labels.clone(),
        dt_s: args.recording.dt,
        likelihood: fit.likelihood,
        free: fit.free.clone(),
        numbers: fit.restarts[fit.best].numbers.clone(),
        mean_activity_hz: mean_activity,
        covariance_root: uncertainty
            .as_ref()
            .map(|gaussian| gaussian.root.rows().into_iter().map(|r| r.to_vec()).collect()),
    };
    let delivery = Delivery {
        command: "spikes infer",
        seed: context.global.seed(),
        parameters: json!({"fit": options, "template": template, "dt_s": args.recording.dt}),
        input: loaded.describe(),
        result: json!({
            "fit": file,
            "reduced": fit.circuit,
            "loss_per_step_and_population": fit.loss,
            "negative_log_likelihood_nats": {"latent": fit.value.latent, "observed": fit.value.observed},
            "nats_per_spike": nats_per_spike(&fit, &recording),
            "variance_floor": "0.1 dt / N",
            "converged": fit.converged(),
            "history": fit.restarts.iter().map(|restart| json!({
                "loss": restart.loss,
                "rounds": restart.rounds,
            })).collect::<Vec<_>>(),
            "silhouettes": populations.clustering.as_ref().map(|clustering| &clustering.silhouettes),
            "log_evidence": hidden.as_ref().map(|hidden| json!({
                "nats": hidden.log_evidence, "standard_error": hidden.log_evidence_error,
            })),
            "free_run_mean_hz": free_run.mean_axis(ndarray::Axis(0)).map(|mean| mean.to_vec()),
            "warnings": warnings,
        }),
        table: table(&fit, hidden.as_ref()),
        table_key: "activity",
        arrays: arrays(&fit, hidden.as_ref(), &free_run),
        summary: summary(&fit, &recording, &populations, uncertainty.as_ref(), hidden.as_ref(), &free_run),
    };
    // Found or given labels colour the spikes as they colour the activity.
    let mut trains = loaded.trains.clone();
    trains.populations = Some(populations.labels.iter().map(|&m| populations.names[m].clone()).collect());
    let shown = Shown {
        fit: &fit,
        hidden: hidden.as_ref(),
        trains: &trains,
        names: &populations.names,
        free_run: &free_run,
        history: loaded.binned.trials[0].nrows() - fit.activity[0].nrows(),
    };
    delivery.deliver(context, &outputs, || figure(&shown))
}

impl InferArgs {
    fn populations(&self, loaded: &Loaded, seed: u64) -> Result<Populations> {
        let numbered = |n: usize| (0..n).map(|m| m.to_string()).collect::<Vec<String>>();
        if let Some(wanted) = self.cluster {
            let options =
                ClusteringOptions { n_populations: (wanted > 0).then_some(wanted), seed, ..Default::default() };
            let trials: Vec<_> = loaded.binned.trials.iter().map(|array| array.view()).collect();
            let all = ndarray::concatenate(ndarray::Axis(0), &trials)
                .map_err(|error| Failure::failed(format!("trials of different neurons: {error}")))?;
            let found = cluster_neurons(all.view(), self.recording.dt, &options)?;
            return Ok(Populations {
                names: numbered(found.n_populations),
                labels: found.labels.clone(),
                clustering: Some(found),
            });
        }
        if !self.labels.is_empty() {
            if self.labels.len() != loaded.trains.n_neurons() {
                return Err(Failure::usage(format!(
                    "--labels has {} numbers for {} neurons",
                    self.labels.len(),
                    loaded.trains.n_neurons()
                )));
            }
            let n = self.labels.iter().copied().max().unwrap_or(0) + 1;
            return Ok(Populations {
                names: numbered(n.max(self.sizes.len())),
                labels: self.labels.clone(),
                clustering: None,
            });
        }
        if let Some((names, labels)) = loaded.trains.population_labels() {
            return Ok(Populations { names, labels, clustering: None });
        }
        Err(Failure::usage("the file does not say which population a neuron belongs to")
            .hint("give --labels 0,0,1,..., or --cluster M to find M populations (0: as many as the silhouette wants)"))
    }

    fn template(&self, populations: &Populations) -> Result<Network> {
        let n = populations.names.len();
        let mut network = if self.network.is_given() {
            self.network.network()?
        } else {
            Network::new(vec![PopulationParameters::default(); n], Array2::zeros((n, n)))?
        };
        if network.n_populations() < n {
            return Err(Failure::usage(format!(
                "the network has {} populations, but the neurons belong to {n}",
                network.n_populations()
            )));
        }
        if !self.sizes.is_empty() {
            if self.sizes.len() != network.n_populations() {
                return Err(Failure::usage(format!(
                    "--sizes has {} numbers for {} populations",
                    self.sizes.len(),
                    network.n_populations()
                )));
            }
            network = network.with_sizes(&self.sizes);
        }
        if let Some(t_ref) = self.t_ref {
            for population in &mut network.populations {
                population.t_ref = t_ref;
            }
        }
        network.validate()?;
        Ok(network)
    }

    fn options(&self, seed: u64) -> FitOptions {
        let coupling = match (self.coupling, self.network.is_given()) {
            (Some(CouplingName::PerEntry), _) => CouplingRule::PerEntry,
            (Some(CouplingName::Unsigned), _) | (None, false) => CouplingRule::Unsigned { limit: self.limit },
            (Some(CouplingName::PerRow), _) | (None, true) => CouplingRule::PerRow,
        };
        FitOptions {
            likelihood: self.age_bins.map(|age_bins| LikelihoodOptions {
                age_bins,
                old_ages: if self.drop_old { OldAges::Dropped } else { OldAges::Pooled },
                ..LikelihoodOptions::default()
            }),
            coupling,
            n_restarts: self.restarts,
            max_rounds: self.rounds,
            e_step: match self.e_step {
                EStepName::Adam => EStep::adam(),
                EStepName::Laplace => EStep::laplace(),
            },
            seed,
            ..FitOptions::default()
        }
    }

    fn free_run(&self, fit: &Fit, start: &[f64], context: &Context<'_>, monitor: &Monitor) -> Result<Array2<f64>> {
        let options = MesoOptions {
            dt: fit.circuit.dt,
            duration: self.free_run,
            seed: context.global.seed(),
            scheme: Scheme::Survival,
            start: Start::Activity(start.to_vec()),
            ..MesoOptions::default()
        };
        Ok(simulate_meso_with(&fit.network, &options, monitor)?.activity)
    }
}

/// The recording of a fit: a second of history, or a fifth of a short trial.
pub(super) fn recording(loaded: &Loaded, labels: &[usize], n_populations: usize, dt: f64) -> Result<Recording> {
    let shortest = loaded.binned.trials.iter().map(Array2::nrows).min().unwrap_or(0);
    let history = ((1.0 / dt).round() as usize).min(shortest / 5);
    Ok(Recording::new(&loaded.binned.trials, labels.to_vec(), n_populations, history, dt)?)
}

fn mean_activity(fit: &Fit) -> Vec<f64> {
    let n: usize = fit.activity.iter().map(Array2::nrows).sum();
    (0..fit.circuit.n_populations())
        .map(|m| fit.activity.iter().map(|z| z.column(m).sum()).sum::<f64>() / (n as f64 * fit.circuit.dt))
        .collect()
}

fn nats_per_spike(fit: &Fit, recording: &Recording) -> f64 {
    (-fit.value.observed - recording.homogeneous_log_likelihood()) / recording.n_spikes().max(1) as f64
}

fn table(fit: &Fit, hidden: Option<&HiddenActivity>) -> ResultTable {
    let dt = fit.circuit.dt;
    let mut table = ResultTable::default();
    table
        .integers("trial", fit.activity.iter().enumerate().flat_map(|(k, z)| std::iter::repeat_n(k as i64, z.nrows())));
    table.numbers("time_s", fit.activity.iter().flat_map(|z| (0..z.nrows()).map(|t| t as f64 * dt)));
    let mut add = |name: &str, arrays: &[Array2<f64>]| {
        for m in 0..fit.circuit.n_populations() {
            let values = arrays.iter().flat_map(|z| z.column(m).to_vec());
            table.numbers(format!("{name}_{m}_hz"), values.map(|z| z / dt).collect::<Vec<f64>>());
        }
    };
    add("activity", &fit.activity);
    if let Some(hidden) = hidden {
        add("lower", &hidden.lower);
        add("upper", &hidden.upper);
    }
    table
}

fn arrays(fit: &Fit, hidden: Option<&HiddenActivity>, free_run: &Array2<f64>) -> Vec<(String, ArrayD<f64>)> {
    let stacked = |arrays: &[Array2<f64>]| {
        let views: Vec<_> = arrays.iter().map(|array| array.view()).collect();
        ndarray::concatenate(ndarray::Axis(0), &views).map_or_else(|_| ArrayD::zeros(vec![0]), Array2::into_dyn)
            / fit.circuit.dt
    };
    let lengths: Array1<f64> = fit.activity.iter().map(|z| z.nrows() as f64).collect();
    let mut arrays = vec![
        ("activity_hz".to_owned(), stacked(&fit.activity)),
        ("n_bins".to_owned(), lengths.into_dyn()),
        ("coupling".to_owned(), fit.network.coupling.clone().into_dyn()),
        ("free_run_hz".to_owned(), free_run.clone().into_dyn()),
    ];
    if let Some(hidden) = hidden {
        arrays.push(("lower_hz".into(), stacked(&hidden.lower)));
        arrays.push(("upper_hz".into(), stacked(&hidden.upper)));
    }
    arrays
}

fn summary(
    fit: &Fit,
    recording: &Recording,
    populations: &Populations,
    uncertainty: Option<&ParameterGaussian>,
    hidden: Option<&HiddenActivity>,
    free_run: &Array2<f64>,
) -> String {
    let mut summary = Summary::default();
    let kept = &fit.restarts[fit.best];
    summary.line("recorded neurons", recording.populations.len().to_string());
    summary.line("fitted", format!("{} bins of {} s", recording.n_steps(), fit.circuit.dt));
    if let Some(clustering) = &populations.clustering {
        summary.line("clusters", format!("{:?}", clustering.labels));
        let scores = clustering.silhouettes.iter().map(|(k, s)| format!("{k}: {s:.3}")).collect::<Vec<_>>();
        summary.line("silhouettes", scores.join(", "));
    }
    let state = if fit.converged() { "converged" } else { "NOT converged" };
    summary
        .line("fit", format!("restart {} of {}, {} rounds, {state}", fit.best, fit.restarts.len(), kept.rounds.len()));
    summary.line("loss", format!("{:.4} nat per bin and population", fit.loss));
    summary
        .line("spikes explained", format!("{:.3} nat per spike above constant rates", nats_per_spike(fit, recording)));
    if let Some(hidden) = hidden {
        summary.line("log evidence", format!("{:.1} +- {:.1} nat", hidden.log_evidence, hidden.log_evidence_error));
    }
    let free = coarser(free_run, 5);
    let mut rates = Table::new("populations", "")
        .column("population", "")
        .column("neurons", "")
        .column("tau_m", "ms")
        .column("mu", "mV")
        .column("threshold", "mV")
        .column("inferred", "Hz")
        .column("free run", "Hz");
    for (m, population) in fit.network.populations.iter().enumerate() {
        rates.push([
            populations.names.get(m).map_or_else(|| m.to_string(), Clone::clone).into(),
            Cell::Int(population.n_neurons as i64),
            (population.tau_m * 1e3).into(),
            population.mu.into(),
            population.threshold.into(),
            mean_activity(fit)[m].into(),
            free.column(m).mean().unwrap_or(f64::NAN).into(),
        ]);
    }
    let mut couplings = Table::new("coupling", "").column("coupling (mV) from", "");
    for m in 0..fit.circuit.n_populations() {
        couplings = couplings.column(format!("to {}", populations.names.get(m).map_or("-", String::as_str)), "");
    }
    for (a, row) in fit.network.coupling.rows().into_iter().enumerate() {
        let name = populations.names.get(a).map_or("-", String::as_str);
        couplings.push(std::iter::once(name.into()).chain(row.iter().map(|&w| Cell::from(w))));
    }
    let mut text = format!("{}\n{}", rates.to_text(), couplings.to_text());
    if let Some(gaussian) = uncertainty {
        let mut errors =
            Table::new("parameters", "").column("parameter (of its scale)", "").column("value", "").column("sd", "");
        for (i, sd) in gaussian.standard_deviations().into_iter().enumerate() {
            errors.push([fit.free.name(i).into(), gaussian.mean[i].into(), sd.into()]);
        }
        text = format!("{text}\n{}", errors.to_text());
    }
    summary.append(&text)
}
