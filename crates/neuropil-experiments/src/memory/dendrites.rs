//! Orders of synaptic cross-talk (claim (e) of the abstract).

use neuropil_core::random::Seed;
use neuropil_memory::dendrite::{Shares, order_shares, walsh_shares};
use neuropil_memory::random_patterns::binary_patterns;
use neuropil_memory::{Kernel, KernelMemory, KernelMemoryParams, Rule, SelfConnections, StateKind};
use neuropil_report::{Claim, Figure, Panel, Section, Size, Source};

use super::{PAPER, ROOM};
use crate::{Context, Experiment, Info, Result};

/// How much each order of multiplication contributes.
#[derive(Debug)]
pub struct Dendrites;

const INFO: Info = Info {
    id: "memory.dendrites",
    room: ROOM,
    paper: PAPER,
    figure: "claim of the abstract",
    title: "The dendritic reading: what products of p inputs contribute",
};

const N: usize = 32;
const M: usize = 16;
/// `exp(beta u / N)` with these beta.
const BETAS: [f64; 6] = [0.5, 1.0, 2.0, 4.0, 8.0, 16.0];

/// Both decompositions of an interpolating memory.
fn shares(patterns: &ndarray::Array2<f64>, beta_n: f64, context: &Context) -> Result<(Shares, Shares)> {
    let kernel = Kernel::exponential(beta_n / patterns.ncols() as f64);
    let params = KernelMemoryParams {
        kernel,
        rule: Rule::interpolation(),
        states: StateKind::Binary,
        self_connections: SelfConnections::Included,
    };
    let (memory, _) = KernelMemory::fit_with(&params, patterns.view(), &context.monitor.quiet())?;
    let coefficients = memory.coefficients();
    Ok((
        order_shares(memory.kernel(), patterns.view(), coefficients)?,
        walsh_shares(memory.kernel(), patterns.view(), coefficients)?,
    ))
}

/// The patterns of the reference numbers: SplitMix64 with seed 1, +1 where the top bit is set.
fn reference_patterns() -> ndarray::Array2<f64> {
    let mut state = 1_u64;
    ndarray::Array2::from_shape_simple_fn((8, 16), || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        if (z ^ (z >> 31)) >> 63 == 1 { 1.0 } else { -1.0 }
    })
}

const TAYLOR: [f64; 7] = [0.06104159, 0.08730787, 0.1405618, 0.19979345, 0.17203075, 0.14672895, 0.0923976];
const WALSH: [f64; 6] = [0.10012629, 0.14029996, 0.17323696, 0.24361874, 0.1726758, 0.10069671];

impl Experiment for Dendrites {
    fn info(&self) -> &Info {
        &INFO
    }

    fn parameters(&self, _size: Size) -> serde_json::Value {
        serde_json::json!({ "n_neurons": N, "n_patterns": M, "beta": BETAS, "kernel": "exp(beta x.y / N)" })
    }

    fn run(&self, context: &Context) -> Result<Section> {
        let patterns = binary_patterns(M, N, Seed::new(context.seed).child(INFO.id));
        let mut results = Vec::new();
        for beta in BETAS {
            results.push(shares(&patterns, beta, context)?);
        }
        let (taylor, walsh) = shares(&reference_patterns(), 4.0, context)?;
        let deviation = |shares: &Shares, reference: &[f64]| {
            reference.iter().zip(shares.share.row(0)).map(|(r, s)| (r - s).abs()).fold(0.0, f64::max)
        };
        let all = || results.iter().flat_map(|(taylor, walsh)| [taylor, walsh]).chain([&taylor, &walsh]);
        let from_one = all()
            .flat_map(|shares| shares.share.rows().into_iter().map(|row| (row.sum() - 1.0).abs()).collect::<Vec<_>>())
            .fold(0.0, f64::max);
        let orders = |pick: fn(&(Shares, Shares)) -> &Shares| -> Vec<f64> {
            results.iter().map(|both| pick(both).mean_order().mean().unwrap_or(f64::NAN)).collect()
        };
        let (by_order, by_degree) = (orders(|both| &both.0), orders(|both| &both.1));
        let increasing =
            |values: &[f64]| values.windows(2).filter(|w| w[1] > w[0]).count() as f64 / (values.len() - 1) as f64;
        let claim = |id: &str, statement: &str| Claim::new(id, statement);
        Ok(Section::new(INFO.id, ROOM, INFO.title)
            .describe(
                "With the kernel exp(β x.y/N) a neuron multiplies inputs: order p is a sum over products of p inputs, \
                 synapses that talk to one another on a dendrite. The squared norm of the weights splits into the shares \
                 of the orders, without forming a tensor. The larger β, the higher the orders that the memory uses.",
            )
            .claim(
                claim("taylor", "largest deviation of the shares of orders 0 to 6 from the reference, 8 patterns, β = 4")
                    .reference(0.0, Source::ThisProject)
                    .value(deviation(&taylor, &TAYLOR))
                    .at_most(1e-7),
            )
            .claim(
                claim("walsh", "largest deviation of the shares of degrees 0 to 5 from the reference")
                    .reference(0.0, Source::ThisProject)
                    .value(deviation(&walsh, &WALSH))
                    .at_most(1e-7),
            )
            .claim(
                claim("sum", "largest deviation of a sum of shares from 1")
                    .reference(0.0, Source::Theory)
                    .value(from_one)
                    .at_most(1e-9),
            )
            .claim(
                claim("mean-order", "fraction of the steps from one β to the next at which the mean order increases")
                    .reference(1.0, Source::Theory)
                    .value(increasing(&by_order))
                    .at_least(1.0),
            )
            .claim(
                claim("mean-degree", "the same for the mean Walsh degree")
                    .reference(1.0, Source::Theory)
                    .value(increasing(&by_degree))
                    .at_least(1.0),
            )
            .figure(figure(&results, &by_order, &by_degree)))
    }
}

fn figure(results: &[(Shares, Shares)], by_order: &[f64], by_degree: &[f64]) -> Figure {
    let bars = |title: &str, shares: &Shares| {
        let mean = shares.mean();
        let labels: Vec<String> = (0..mean.len().min(13)).map(|p| p.to_string()).collect();
        Panel::new().title(title).x_label("number of inputs multiplied").y_label("share").height(240.0).bars(
            "share",
            &labels,
            &mean.to_vec()[..labels.len()],
        )
    };
    Figure::new("dendrites", "Shares of the orders of multiplication")
        .describe("Means over 32 neurons that store 16 patterns; left with repetition of inputs, middle without.")
        .columns(3)
        .panel(bars("By order, β = 4", &results[3].0))
        .panel(bars("By Walsh degree, β = 4", &results[3].1))
        .panel(
            Panel::new()
                .x_label("β")
                .y_label("mean number of inputs")
                .log_x()
                .height(240.0)
                .line("order", &BETAS, by_order)
                .line("Walsh degree", &BETAS, by_degree),
        )
}
