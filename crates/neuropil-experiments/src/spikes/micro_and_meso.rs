//! The population equations against the neurons.

use neuropil_core::threads;
use neuropil_report::{Claim, Figure, Panel, Section, Size, Source, Table};
use neuropil_spikes::meso::{AgeGrid, simulate_meso_with};
use neuropil_spikes::micro::simulate_micro_with;
use neuropil_spikes::network::InputRule;
use neuropil_spikes::start::Start;
use neuropil_spikes::{MesoOptions, MicroOptions, winner_take_all};
use rayon::prelude::*;
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
/// A step half as long as the shorter one, s.
const FINE: f64 = 0.0001;

const WHY: &str = "the error is that of the time steps, not of the equations: in steps of 0.05 ms (800 s) neurons rest at 18.6, \
                   6.4 and 24.6 Hz and switch 63 times in 400 s, populations at 18.5, 6.5 and 24.6 Hz with 66 switches. \
                   The barrier between the two states makes small errors large, and longer steps err in opposite \
                   directions: neurons with Euler input switch 22 or 41 times (two seeds) in 400 s at 0.2 ms, \
                   populations 76 times at 0.2 ms and 126 times at 1 ms. NEST's gif_pop_psc_exp does the same: 17.2, 8.0 and 24.6 Hz and 131 \
                   switches at 1 ms, 17.3, 7.9 and 24.6 Hz and 126 here";

impl Experiment for MicroAndMeso {
    fn info(&self) -> &Info {
        &INFO
    }

    fn parameters(&self, size: Size) -> serde_json::Value {
        json!({"network": winner_take_all(), "duration_s": duration(size), "dt_micro_s": 0.0002, "dt_meso_s": STEPS,
               "dt_fine_s": FINE})
    }

    fn run(&self, context: &Context) -> Result<Section> {
        let network = winner_take_all();
        let duration = duration(context.size);
        let start = Start::Activity(RATES.to_vec());
        // The reference, then what tells the error of the steps from that of the equations.
        // The finest runs explain and are not judged; at full length they would fill the memory.
        let short = duration.min(400.0);
        let micro = [
            (0.0002, duration, InputRule::Euler),
            (0.0002, duration, InputRule::Exact),
            (FINE, short, InputRule::Exact),
        ];
        let meso = [
            (STEPS[0], duration, AgeGrid::EveryStep),
            (STEPS[1], duration, AgeGrid::EveryStep),
            (FINE, short, AgeGrid::Folded(16)),
        ];
        let one = |index: usize| -> Result<Levels> {
            let seed = seed(context, INFO.id, index as u64);
            let start = start.clone();
            if let Some(&(dt, duration, input_rule)) = micro.get(index) {
                let options = MicroOptions { dt, duration, seed, start, input_rule, ..MicroOptions::default() };
                let result = simulate_micro_with(&network, &options, &context.monitor)?;
                return levels(result.activity.view(), result.dt);
            }
            let (dt, duration, age_grid) = meso[index - micro.len()];
            let options = MesoOptions { dt, duration, seed, start, age_grid, ..MesoOptions::default() };
            let result = simulate_meso_with(&network, &options, &context.monitor)?;
            levels(result.activity.view(), result.dt)
        };
        let all: Result<Vec<Levels>> =
            threads::install(|| (0..micro.len() + meso.len()).into_par_iter().map(one).collect());
        let all = all?;
        let reference = &all[0];
        let found = &all[micro.len()..];
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
        for ((dt, _, rule), levels) in micro.iter().zip(&all) {
            let rule = if *rule == InputRule::Euler { "Euler" } else { "exact" };
            row(format!("neurons, {rule}, {} ms", dt * 1e3), levels);
        }
        for ((dt, ..), levels) in meso.iter().zip(found) {
            row(format!("populations, {} ms", dt * 1e3), levels);
        }
        for (levels, dt) in found.iter().zip(STEPS) {
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
                    .reference("18.78, 6.03 and 24.50 Hz for neurons at 0.2 ms", Source::ThisProject)
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
            .bars("neurons, Euler, 0.2 ms", &names, &values(reference))
            .bars("neurons, exact, 0.1 ms", &names, &values(&all[2]))
            .bars("populations, 0.1 ms", &names, &values(&found[2]))
            .bars("populations, 0.2 ms", &names, &values(&found[1]))
            .bars("populations, 1 ms", &names, &values(&found[0]));
        Ok(section
            .figure(
                Figure::new("micro-and-meso", INFO.title)
                    .describe("Mean levels of the winning, the losing and the inhibitory population.")
                    .panel(panel),
            )
            .table(table))
    }
}
