//! The population equations against the neurons.

use neuropil_core::threads;
use neuropil_report::{Claim, Figure, Panel, Section, Size, Source, Table};
use neuropil_spikes::meso::simulate_meso_with;
use neuropil_spikes::micro::simulate_micro_with;
use neuropil_spikes::start::Start;
use neuropil_spikes::{MesoOptions, MicroOptions, winner_take_all};
use serde_json::json;

use super::circuit_recording::{Levels, RATES, levels, seed};
use super::{POPULATIONS, ROOM};
use crate::{Context, Experiment, Info, Result};

/// Levels and dwell times of both kinds of simulation.
#[derive(Debug)]
pub struct MicroAndMeso;

const INFO: Info = Info {
    id: "spikes.population-micro-and-meso",
    room: ROOM,
    paper: POPULATIONS,
    figure: "Figure 8 (idea)",
    title: "Microscopic and mesoscopic simulation of the same circuit",
};

fn duration(size: Size) -> f64 {
    match size {
        Size::Quick => 400.0,
        Size::Full => 2000.0,
    }
}

const STEPS: [f64; 2] = [0.001, 0.0002];

const WHY: &str = "the two discretisations err in opposite directions, and the barrier between the two states makes the error \
                   large: with Euler steps (neurons) the circuit switches less often the longer the step (23 times in 200 s \
                   at 0.2 ms, 5 times at 1 ms; the survival scheme, also Euler, 16 times at 0.5 ms and 8 times at 1 ms), with exact \
                   steps and rates averaged over a step (populations) more often (47 times at 0.2 ms, 65 to 71 at 1 ms). More \
                   switches also bring the two levels nearer to each other";

impl Experiment for MicroAndMeso {
    fn info(&self) -> &Info {
        &INFO
    }

    fn parameters(&self, size: Size) -> serde_json::Value {
        json!({"network": winner_take_all(), "duration_s": duration(size), "dt_micro_s": 0.0002, "dt_meso_s": STEPS})
    }

    fn run(&self, context: &Context) -> Result<Section> {
        let network = winner_take_all();
        let duration = duration(context.size);
        let start = Start::Activity(RATES.to_vec());
        let micro = || -> Result<Levels> {
            let options = MicroOptions {
                duration,
                seed: seed(context, INFO.id, 0),
                start: start.clone(),
                ..MicroOptions::default()
            };
            let result = simulate_micro_with(&network, &options, &context.monitor)?;
            levels(result.activity.view(), result.dt)
        };
        let meso = |index: usize| -> Result<Levels> {
            let options = MesoOptions {
                dt: STEPS[index],
                duration,
                seed: seed(context, INFO.id, 1 + index as u64),
                start: start.clone(),
                ..MesoOptions::default()
            };
            let result = simulate_meso_with(&network, &options, &context.monitor)?;
            levels(result.activity.view(), result.dt)
        };
        let (reference, (coarse, fine)) =
            threads::install(|| rayon::join(micro, || rayon::join(|| meso(0), || meso(1))));
        let (reference, found) = (reference?, [coarse?, fine?]);
        let mut section = Section::new(INFO.id, ROOM, INFO.title).describe(
            "The same circuit as 1000 neurons and as three populations whose cost does not depend on the number of \
             neurons. Levels are means of bins of 20 ms.",
        );
        let mut table = Table::new("levels", "Levels and dwell times")
            .column("simulation", "")
            .column("high", "Hz")
            .column("low", "Hz")
            .column("inhibitory", "Hz")
            .column("mean dwell", "s")
            .column("switches", "");
        let mut row = |name: String, levels: &Levels| {
            table.push([
                name.into(),
                levels.high.into(),
                levels.low.into(),
                levels.inhibitory.into(),
                levels.switches.mean_dwell.into(),
                (levels.switches.times.len() as f64).into(),
            ]);
        };
        row("neurons, 0.2 ms".into(), &reference);
        for (levels, dt) in found.iter().zip(STEPS) {
            row(format!("populations, {} ms", dt * 1e3), levels);
            let difference =
                [levels.high - reference.high, levels.low - reference.low, levels.inhibitory - reference.inhibitory]
                    .into_iter()
                    .fold(0.0_f64, |a, b| a.max(b.abs()));
            section = section
                .claim(
                    Claim::new(
                        format!("levels-{}us", (dt * 1e6).round()),
                        format!("largest difference of a level between populations at {} ms and neurons, Hz", dt * 1e3),
                    )
                    .reference("18.66, 5.78 and 24.13 Hz at 1 ms", Source::ThisProject)
                    .value(difference)
                    .at_most(0.6)
                    .known_deviation(WHY),
                )
                .claim(
                    Claim::new(
                        format!("dwell-{}us", (dt * 1e6).round()),
                        format!("mean dwell time of neurons over that of populations at {} ms", dt * 1e3),
                    )
                    .reference(1.0, Source::Theory)
                    .value(reference.switches.mean_dwell / levels.switches.mean_dwell)
                    .within(0.5, 2.0)
                    .known_deviation(WHY),
                );
        }
        let names = ["high", "low", "inhibitory"];
        let values = |levels: &Levels| [levels.high, levels.low, levels.inhibitory];
        let panel = Panel::new()
            .y_label("mean activity (Hz)")
            .height(260.0)
            .bars("neurons", &names, &values(&reference))
            .bars("populations, 1 ms", &names, &values(&found[0]))
            .bars("populations, 0.2 ms", &names, &values(&found[1]));
        Ok(section
            .figure(
                Figure::new("micro-and-meso", INFO.title)
                    .describe("Mean levels of the winning, the losing and the inhibitory population.")
                    .panel(panel),
            )
            .table(table))
    }
}
