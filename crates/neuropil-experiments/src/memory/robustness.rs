//! Maximal margins make recall from noisy cues most robust (claim (a) of the abstract).

use neuropil_core::random::Seed;
use neuropil_memory::random_patterns::{Noise, binary_patterns};
use neuropil_memory::{Kernel, KernelMemory, KernelMemoryParams, Rule};
use neuropil_report::{Claim, Figure, Panel, Section, Size, Source, Table};

use super::cues::{Count, Question, ask};
use super::{PAPER, ROOM};
use crate::{Context, Experiment, Info, Result};

/// One-shot against maximal-margin storage.
#[derive(Debug)]
pub struct Robustness;

const INFO: Info = Info {
    id: "memory.robustness",
    room: ROOM,
    paper: PAPER,
    figure: "claim of the abstract",
    title: "Maximal margins restore patterns from noise that one-shot storage does not survive",
};

const N: usize = 100;
const LEVELS: [f64; 5] = [0.0, 0.1, 0.2, 0.3, 0.4];

/// One kernel at one load.
struct Setup {
    id: &'static str,
    label: &'static str,
    n_patterns: usize,
    kernel: Kernel,
}

fn setups() -> Vec<Setup> {
    let setup = |id, label, n_patterns, kernel| Setup { id, label, n_patterns, kernel };
    vec![
        setup("linear-50", "linear kernel, M/N = 0.5", 50, Kernel::Linear),
        setup("linear-10", "linear kernel, M/N = 0.1", 10, Kernel::Linear),
        setup("cubic-50", "cubic kernel, M/N = 0.5", 50, Kernel::Polynomial { degree: 3 }),
        setup("exponential-50", "exponential kernel, M/N = 0.5", 50, Kernel::exponential(1.0)),
    ]
}

/// Counts for every level: `[one-shot, maximal margin]`.
struct Curves {
    setup: Setup,
    one_shot: Vec<Count>,
    margin: Vec<Count>,
}

fn seeds(size: Size) -> u64 {
    if size == Size::Quick { 5 } else { 50 }
}

impl Experiment for Robustness {
    fn info(&self) -> &Info {
        &INFO
    }

    fn parameters(&self, size: Size) -> serde_json::Value {
        serde_json::json!({
            "n_neurons": N, "flip_probabilities": LEVELS, "seeds": seeds(size), "max_steps": 50,
            "setups": setups().iter().map(|setup| (setup.id, setup.n_patterns)).collect::<Vec<_>>(),
            "large": large_loads(size),
        })
    }

    fn run(&self, context: &Context) -> Result<Section> {
        let root = Seed::new(context.seed).child(INFO.id);
        let setups = setups();
        let task = context.monitor.task(INFO.id, setups.len() as u64 * seeds(context.size));
        let mut curves = Vec::new();
        for setup in setups {
            let mut one_shot = vec![Count::default(); LEVELS.len()];
            let mut margin = one_shot.clone();
            for seed in 0..seeds(context.size) {
                context.monitor.check()?;
                let seed = root.child(setup.id).index(seed);
                recall_counts(&setup, N, Rule::one_shot(), seed, context, &mut one_shot)?;
                recall_counts(&setup, N, Rule::max_margin(), seed, context, &mut margin)?;
                task.advance(1);
            }
            curves.push(Curves { setup, one_shot, margin });
        }
        let mut section = Section::new(INFO.id, ROOM, INFO.title).describe(
            "Random binary patterns are stored in a recurrent network without self-connections, once by one-shot \
             (Hebbian) storage and once with the maximal margin of every neuron. Every bit of a cue is flipped \
             independently; a pattern is restored when every bit is right after at most 50 synchronous steps. With the \
             linear kernel, one-shot storage is the Hopfield network. With peaked kernels every pattern is a support \
             vector with nearly the same coefficient, and one-shot storage is close to optimal.",
        );
        section.claims = claims(&curves);
        section = section.figure(figure(&curves)).table(table(&curves));
        let large = large(context, root)?;
        if !large.is_empty() {
            section.claims.extend(large.iter().map(|(m, curves)| {
                Claim::new(
                    format!("large-{m}"),
                    format!("N = 1000, M = {m}, linear kernel, maximal margin: fraction restored from clean cues"),
                )
                .reference(1.0, Source::Theory)
                .value(curves.margin[0].fraction())
                .at_least(1.0)
            }));
            let curves: Vec<Curves> = large.into_iter().map(|(_, curves)| curves).collect();
            let mut figure = Figure::new("robustness-large", "A thousand neurons, linear kernel").columns(2);
            for curves in &curves {
                figure = figure.panel(panel(curves).title(format!("N = 1000, M = {}", curves.setup.n_patterns)));
            }
            section = section.figure(figure);
        }
        Ok(section.note(
            "The reference values were computed once with NumPy and a quadratic-programming package (five seeds); random \
             generators differ, hence the tolerances.",
        ))
    }
}

fn recall_counts(
    setup: &Setup,
    n: usize,
    rule: Rule,
    seed: Seed,
    context: &Context,
    counts: &mut [Count],
) -> Result<()> {
    let patterns = binary_patterns(setup.n_patterns, n, seed);
    let params = KernelMemoryParams { kernel: setup.kernel.clone(), rule, ..KernelMemoryParams::default() };
    let (memory, _) = KernelMemory::fit_with(&params, patterns.view(), &context.monitor.quiet())?;
    for (level, count) in counts.iter_mut().enumerate() {
        let question = Question { noise: Noise::Flip, level: LEVELS[level], repeats: 4, max_steps: 50, tolerance: 0.0 };
        let cues = seed.child("cues").index(level as u64);
        count.add(&ask(&memory, patterns.view(), patterns.view(), question, cues, context)?);
    }
    Ok(())
}

fn large_loads(size: Size) -> &'static [usize] {
    if size == Size::Quick { &[] } else { &[100, 200, 500, 1000, 2000] }
}

fn large(context: &Context, root: Seed) -> Result<Vec<(usize, Curves)>> {
    large_loads(context.size)
        .iter()
        .map(|&m| {
            let setup = Setup { id: "large", label: "linear kernel", n_patterns: m, kernel: Kernel::Linear };
            let mut one_shot = vec![Count::default(); LEVELS.len()];
            let mut margin = one_shot.clone();
            let seed = root.child("large").index(m as u64);
            recall_counts(&setup, 1000, Rule::one_shot(), seed, context, &mut one_shot)?;
            recall_counts(&setup, 1000, Rule::max_margin(), seed, context, &mut margin)?;
            Ok((m, Curves { setup, one_shot, margin }))
        })
        .collect()
}

fn claims(curves: &[Curves]) -> Vec<Claim> {
    let of = |id: &str| curves.iter().find(|curves| curves.setup.id == id);
    let mut claims = Vec::new();
    let fraction = |id: &str, rule: &str, p: f64, count: &Count| {
        let (low, high) = count.interval();
        Claim::new(format!("{id}-{rule}-{p}"), format!("{id}, {rule}: fraction restored at flip probability {p}"))
            .value(count.fraction())
            .interval(low, high)
    };
    if let Some(curves) = of("linear-50") {
        let margin = &curves.margin;
        claims.push(fraction("linear-50", "margin", 0.0, &margin[0]).reference(1.0, Source::Theory).at_least(1.0));
        claims.push(
            fraction("linear-50", "margin", 0.1, &margin[1]).reference(0.732, Source::ThisProject).within(0.62, 0.84),
        );
        let worst = curves.one_shot.iter().map(Count::fraction).fold(0.0, f64::max);
        claims.push(
            Claim::new(
                "linear-50-one-shot",
                "linear-50, one-shot: largest fraction restored over all flip probabilities",
            )
            .reference(0.0, Source::ThisProject)
            .value(worst)
            .at_most(0.02),
        );
        claims.push(
            Claim::new("linear-50-gain", "linear-50: fraction restored by the margin minus that by one-shot, at 0.1")
                .reference("the margin is more robust", Source::Paper)
                .value(margin[1].fraction() - curves.one_shot[1].fraction())
                .at_least(0.5),
        );
    }
    if let Some(curves) = of("linear-10") {
        for (level, reference, bound) in [(2, 1.0, 0.97), (3, 0.96, 0.88)] {
            claims.push(
                fraction("linear-10", "margin", LEVELS[level], &curves.margin[level])
                    .reference(reference, Source::ThisProject)
                    .at_least(bound),
            );
        }
        let gains = [2, 3].map(|level| curves.margin[level].fraction() - curves.one_shot[level].fraction());
        claims.push(
            Claim::new(
                "linear-10-gain",
                "linear-10: smallest gain of the margin over one-shot, at flip probabilities 0.2 and 0.3",
            )
            .reference("the margin is not worse", Source::Paper)
            .value(gains[0].min(gains[1]))
            .at_least(0.0),
        );
    }
    for (id, references) in [("cubic-50", [1.0, 0.936, 0.336]), ("exponential-50", [1.0, 0.964, 0.428])] {
        let Some(curves) = of(id) else { continue };
        for (level, reference) in (2..).zip(references) {
            claims.push(
                fraction(id, "margin", LEVELS[level], &curves.margin[level])
                    .reference(reference, Source::ThisProject)
                    .absolute_error_at_most(0.06),
            );
        }
        let difference = (2..5)
            .map(|level| (curves.margin[level].fraction() - curves.one_shot[level].fraction()).abs())
            .fold(0.0, f64::max);
        claims.push(
            Claim::new(
                format!("{id}-one-shot"),
                format!("{id}: largest difference of one-shot and margin at flip probabilities 0.2 to 0.4"),
            )
            .reference(0.01, Source::ThisProject)
            .value(difference)
            .at_most(0.06),
        );
    }
    claims
}

fn panel(curves: &Curves) -> Panel {
    let mut panel = Panel::new()
        .title(curves.setup.label)
        .x_label("flip probability per bit")
        .y_label("fraction restored")
        .y_range(-0.03, 1.03)
        .height(240.0);
    for (name, counts) in [("maximal margin", &curves.margin), ("one-shot", &curves.one_shot)] {
        let values: Vec<f64> = counts.iter().map(Count::fraction).collect();
        let (low, high): (Vec<f64>, Vec<f64>) = counts.iter().map(Count::interval).unzip();
        panel = panel.band(name, &LEVELS, &low, &high).line(name, &LEVELS, &values).points(name, &LEVELS, &values);
    }
    panel
}

fn figure(curves: &[Curves]) -> Figure {
    curves.iter().fold(
        Figure::new("robustness", "Recall against noise, one-shot and maximal margin")
            .describe("Fraction of cues from which every bit was restored, with 95 % intervals, N = 100.")
            .columns(2),
        |figure, curves| figure.panel(panel(curves)),
    )
}

fn table(curves: &[Curves]) -> Table {
    let mut table = Table::new("restored", "Fraction of cues restored")
        .column("setup", "")
        .column("flip probability", "")
        .column("maximal margin", "")
        .column("one-shot", "")
        .column("cues", "");
    for curves in curves {
        for (level, p) in LEVELS.iter().enumerate() {
            table.push([
                curves.setup.id.into(),
                (*p).into(),
                curves.margin[level].fraction().into(),
                curves.one_shot[level].fraction().into(),
                (curves.margin[level].cues as f64).into(),
            ]);
        }
    }
    table
}
