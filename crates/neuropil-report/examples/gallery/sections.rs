//! The gallery's sections; the crate's tests use them as well.

use neuropil_report::{
    Cell, Claim, Colour, ColourMap, ColourScale, Figure, HeatMap, Machine, Panel, Report, Section, Size, Source,
    Stroke, Table,
};
use serde_json::json;

/// A report with every kind of panel, the same bytes each time and everywhere.
pub fn gallery() -> Report {
    let machine = Machine { system: "linux".into(), architecture: "x86_64".into(), threads: 2 };
    Report::new("0.1.0", Size::Quick, 7)
        .machine(machine)
        .section(tracking())
        .section(decay())
        .section(regret())
        .section(scaling())
        .section(comparison())
}

/// Noise between -1 and 1 that looks random enough for a picture.
fn noise(index: usize) -> f64 {
    let wave = ((index as f64 + 1.0) * 12.9898).sin() * 43_758.545_3;
    2.0 * (wave - wave.floor()) - 1.0
}

fn grid(n: usize, lo: f64, hi: f64) -> Vec<f64> {
    (0..n).map(|index| lo + (hi - lo) * index as f64 / (n - 1) as f64).collect()
}

/// Points, lines, bands, change marks, steps and a heat map on numeric axes, stacked over one time axis.
fn tracking() -> Section {
    let n = 240;
    let time = grid(n, 0.0, 239.0);
    let changes = [60.0, 130.0, 185.0];
    let levels = [0.2, 1.4, -0.8, 0.6];
    let segment = |t: f64| changes.iter().filter(|change| t >= **change).count();
    let truth: Vec<f64> = time.iter().map(|t| levels[segment(*t)]).collect();
    let data: Vec<f64> =
        (0..n).map(|i| if i == 100 { f64::NAN } else { truth[i] + 0.45 * (noise(i) + noise(i + 999)) }).collect();
    let (mut estimate, mut width, mut surprise) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
    let mut age = 0.0f64;
    for i in 0..n {
        age = if i > 0 && segment(time[i]) != segment(time[i - 1]) { 1.0 } else { age + 1.0 };
        let before = if i == 0 { 0.0 } else { estimate[i - 1] };
        let observed = if data[i].is_nan() { before } else { data[i] };
        estimate[i] = before + (observed - before) * (1.6 / (age + 1.0)).min(0.9);
        width[i] = 0.6 / age.sqrt();
        surprise[i] = 0.5 + 2.0 * (observed - before).powi(2) / (0.4 + width[i]);
    }
    let lo: Vec<f64> = estimate.iter().zip(&width).map(|(m, w)| m - w).collect();
    let hi: Vec<f64> = estimate.iter().zip(&width).map(|(m, w)| m + w).collect();
    let run_length: Vec<Vec<f64>> = (0..80)
        .map(|length| {
            (0..n)
                .map(|i| {
                    let age = changes
                        .iter()
                        .filter(|change| **change <= time[i])
                        .map(|change| time[i] - change)
                        .fold(time[i], f64::min);
                    (-(age - f64::from(length)).powi(2) / 18.0).exp() + 1e-5
                })
                .collect()
        })
        .collect();
    let figure = Figure::new("tracking", "A learner follows a mean that jumps")
        .describe(
            "Above, observations with the estimate and its two-sd band; the dotted lines are the true changes. Below, the \
             surprise peaks at each change, and the posterior over the run length falls back to zero.",
        )
        .share_x()
        .panel(
            Panel::new()
                .y_label("value (a.u.)")
                .points("observation", &time, &data)
                .colour(Colour::Grey)
                .size(2.0)
                .step("true mean", &time, &truth)
                .colour(Colour::Ink)
                .stroke(Stroke::Solid)
                .size(1.0)
                .band("estimate ± 2 sd", &time, &lo, &hi)
                .colour(Colour::Blue)
                .line("estimate ± 2 sd", &time, &estimate)
                .colour(Colour::Blue)
                .stroke(Stroke::Solid)
                .vlines("change", &changes)
                .height(190.0),
        )
        .panel(Panel::new().y_label("surprise (nats)").line("", &time, &surprise).colour(Colour::Vermillion).vlines("", &changes).height(110.0))
        .panel(
            Panel::new().x_label("trial").y_label("run length (trials)").heatmap(
                HeatMap::new(run_length)
                    .x_extent(-0.5, 239.5)
                    .y_extent(0.0, 80.0)
                    .scale(ColourScale::Log)
                    .colour_label("posterior")
                    .colour_map(ColourMap::Viridis),
            ),
        );
    Section::new("demo.tracking", "demo", "A learner follows a jumping mean")
        .published("Doe & Roe (2020) <i>J. Made-up Data</i>", "Figure 1")
        .describe("Gaussian observations whose mean jumps three times. The learner is a toy that knows when to forget.")
        .parameters(
            json!({"n_trials": n, "changes": changes, "noise_sd": 0.45, "learner": {"name": "toy", "hazard": 0.0125}}),
        )
        .seconds(0.04)
        .claim(
            Claim::new("peaks", "changes at which the surprise peaks")
                .reference(3.0, Source::Paper)
                .value(3.0)
                .absolute_error_at_most(0.0),
        )
        .claim(
            Claim::new("error", "mean absolute error, in a.u.")
                .reference(0.21, Source::AuthorsCode)
                .value(0.2147)
                .interval(0.198, 0.231)
                .relative_error_at_most(0.1),
        )
        .figure(figure)
        .note("Trial 100 is missing: the observation is a gap, the belief is kept.")
}

/// Several lines, told apart by colour and dash, with bands and error bars.
fn decay() -> Section {
    let learners = ["exact filter", "particle filter (10)", "VarSMiLe", "leaky integrator", "last observation"];
    let trial = grid(40, 1.0, 40.0);
    let curve = |rank: usize, t: f64| 0.9 * (-t / (4.0 + 3.0 * rank as f64)).exp() + 0.08 + 0.03 * rank as f64;
    let mut panel = Panel::new()
        .title("Error after a change")
        .x_label("trial since the change")
        .y_label("mean squared error (a.u.²)");
    for (rank, name) in learners.iter().enumerate() {
        let y: Vec<f64> = trial.iter().map(|t| curve(rank, *t)).collect();
        if rank < 2 {
            let lo: Vec<f64> = y.iter().map(|y| y * 0.9).collect();
            let hi: Vec<f64> = y.iter().map(|y| y * 1.1).collect();
            panel = panel.band(*name, &trial, &lo, &hi);
        }
        panel = panel.line(*name, &trial, &y);
    }
    let at: Vec<f64> = (1..=5).map(|i| f64::from(i) * 8.0).collect();
    let y: Vec<f64> = at.iter().map(|t| curve(2, *t)).collect();
    let lo: Vec<f64> = y.iter().map(|y| y - 0.05).collect();
    let hi: Vec<f64> = y.iter().map(|y| y + 0.09).collect();
    let second = Panel::new()
        .title("One learner over ten seeds")
        .x_label("trial since the change")
        .y_label("mean squared error (a.u.²)")
        .error_bars("VarSMiLe", &at, &y, &lo, &hi)
        .hlines("noise floor", &[0.1]);
    let mut table = Table::new("decay", "Error by trial")
        .column("trial", "")
        .column("exact filter", "a.u.²")
        .column("VarSMiLe", "a.u.²");
    for t in &trial {
        table.push([Cell::from(*t as i64), curve(0, *t).into(), curve(2, *t).into()]);
    }
    Section::new("demo.decay", "demo", "Error after a change")
        .published("Doe & Roe (2020)", "Figure 2")
        .describe("All learners recover; how fast depends on how they forget.")
        .parameters(json!({"n_changes": 500}))
        .seconds(3.217)
        .claim(Claim::new("decays", "ratio of the error at trial 40 to that at trial 1").reference("decays", Source::Paper).value(0.11).at_most(0.25))
        .claim(
            Claim::new("gap", "extra error of VarSMiLe over the exact filter, in per cent")
                .reference(12.0, Source::Paper)
                .value(31.5)
                .interval(29.0, 34.1)
                .relative_error_at_most(0.25)
                .known_deviation(
                    "The paper's curve is drawn for tuned parameters that it does not list; with the parameters that it \
                     does list the authors' own code gives 31 as well.",
                ),
        )
        .figure(
            Figure::new("decay", "Recovery from a change")
                .describe("Left, five learners; the bands are standard errors. Right, one learner with 95 % intervals.")
                .columns(2)
                .panel(panel)
                .panel(second),
        )
        .table(table)
}

/// Heat maps with categories: linear, logarithmic and symmetric.
fn regret() -> Section {
    let volatility = ["0.001", "0.01", "0.05", "0.1"];
    let sd = ["0.1", "0.5", "1.0", "2.0", "5.0"];
    let cell = |row: usize, column: usize| {
        10f64.powf(-3.2 + 0.55 * row as f64 + 0.4 * column as f64 + 0.2 * noise(row * 7 + column))
    };
    let values: Vec<Vec<f64>> = (0..5).map(|row| (0..4).map(|column| cell(row, column)).collect()).collect();
    let mut difference: Vec<Vec<f64>> = (0..5)
        .map(|row| (0..4).map(|column| noise(3 * row + 11 * column) * 10f64.powi(row as i32 - 3)).collect())
        .collect();
    difference[0][3] = f64::NAN;
    let map = |values: Vec<Vec<f64>>| HeatMap::new(values).rows(sd).columns(volatility).annotate();
    let panel = |title: &str| Panel::new().title(title).x_label("change probability").y_label("noise sd (a.u.)");
    Section::new("demo.regret", "demo", "Regret over the grid of environments")
        .published("Doe & Roe (2020)", "Figure 4")
        .describe("Regret against the exact filter, for each pair of noise and volatility.")
        .parameters(json!({"n_trials": 2000, "n_sequences": 20}))
        .seconds(61.0)
        .claim(Claim::new("worst", "largest regret, in nats").reference(0.25, Source::Theory).value(0.3127).at_most(0.25))
        .claim(Claim::new("undefined", "regret without observations, in nats").value(f64::NAN).within(-1e-9, 1e-9))
        .figure(
            Figure::new("regret", "Regret of an approximate learner")
                .describe("Regret grows with noise and with volatility, over three orders of magnitude. Right, the difference between two learners, of either sign.")
                .columns(2)
                .panel(panel("Regret").heatmap(map(values).scale(ColourScale::Log).colour_label("regret (nats)").colour_map(ColourMap::Cividis)))
                .panel(panel("Difference").heatmap(
                    map(difference).scale(ColourScale::SymLog(1e-3)).range(-10.0, 10.0).colour_map(ColourMap::Diverging).colour_label("Δ regret (nats)"),
                )),
        )
}

/// Logarithmic axes, from tiny numbers to large ones.
fn scaling() -> Section {
    let n: Vec<f64> = (0..7).map(|i| 10f64.powi(i + 1)).collect();
    let flat: Vec<f64> = n.iter().enumerate().map(|(i, _)| 45e-9 * (1.0 + 0.06 * noise(i))).collect();
    let growing: Vec<f64> = n.iter().map(|n| 8e-9 * (1.0 + n / 90.0)).collect();
    let gap: Vec<f64> = n.iter().map(|n| 1e-16 * n.powf(0.6)).collect();
    Section::new("demo.scaling", "demo", "Cost and rounding error")
        .published("Doe & Roe (2020)", "Table 1")
        .describe("The cost per observation of a pruned filter is constant; rounding errors grow slowly.")
        .seconds(184.0)
        .claim(Claim::new("slope", "slope of the cost in log-log coordinates").reference(0.0, Source::Theory).value(0.004).interval(-0.01, 0.02).absolute_error_at_most(0.05))
        .figure(
            Figure::new("scaling", "What an observation costs, and what it loses")
                .describe("Left, the pruned filter costs 45 ns per observation at any length while the full one grows. Right, the rounding error stays below 1e-11.")
                .columns(2)
                .panel(
                    Panel::new().title("Time").x_label("length of the stream (observations)").y_label("time per observation (s)").log_x().log_y()
                        .line("pruned", &n, &flat).points("pruned", &n, &flat).line("full", &n, &growing).points("full", &n, &growing),
                )
                .panel(
                    Panel::new().title("Rounding").x_label("length of the stream (observations)").y_label("largest error (nats)").log_x().log_y()
                        .line("pruned", &n, &gap).hlines("allowed", &[1e-11]),
                ),
        )
}

/// Bars side by side, with error bars, over three columns.
fn comparison() -> Section {
    let sets = ["Nile flow", "well log", "run log"];
    let ours = [0.88, 0.79, 0.83];
    let theirs = [0.85, 0.61, 0.84];
    let below = |values: &[f64; 3]| values.map(|value| value - 0.04);
    let above = |values: &[f64; 3]| values.map(|value| value + 0.03);
    let x = grid(200, 0.0, 10.0);
    let spike: Vec<f64> = x.iter().map(|x| 1.0 / ((x - 5.0) * (x - 5.0) + 1e-3)).collect();
    let table = Table::new("covering", "Covering of the human annotations")
        .column("data set", "")
        .column("neuropil", "")
        .column("peer", "")
        .column("time", "ms")
        .row([sets[0].into(), ours[0].into(), theirs[0].into(), 0.4.into()])
        .row([sets[1].into(), ours[1].into(), theirs[1].into(), 12.0.into()])
        .row([sets[2].into(), ours[2].into(), Cell::Missing, (-1.25e-7).into()]);
    Section::new("demo.comparison", "demo", "Segmentation of real series")
        .published("Doe & Roe (2020)", "Table 2")
        .describe("Scores between 0 and 1; more is better.")
        .seconds(12.5)
        .claim(
            Claim::new("covering", "mean covering").reference(0.77, Source::ThisProject).value(0.8333).at_least(0.75),
        )
        .figure(
            Figure::new("bars", "Covering by data set")
                .describe("Ours is ahead on two of three series. The curve on the right is cut off by its axis.")
                .columns(3)
                .panel(
                    Panel::new()
                        .title("Covering")
                        .y_label("covering")
                        .x_label("data set")
                        .bars_with_errors("neuropil", &sets, &ours, &below(&ours), &above(&ours))
                        .bars_with_errors("peer", &sets, &theirs, &below(&theirs), &above(&theirs)),
                )
                .panel(Panel::new().title("Signed values").y_label("difference (%)").x_label("subject").bars(
                    "",
                    &["s1", "s2", "s3", "s4"],
                    &[2.0, -1.0, 3.5, -0.4],
                ))
                .panel(
                    Panel::new()
                        .title("Cut off")
                        .x_label("x (mm)")
                        .y_label("gain")
                        .y_range(0.0, 20.0)
                        .line("", &x, &spike),
                ),
        )
        .table(table)
}
