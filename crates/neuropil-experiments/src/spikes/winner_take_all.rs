//! The circuit that generates the data of the paper: two populations of which one wins.

use neuropil_report::{Claim, Figure, Panel, Section, Size, Source};
use neuropil_spikes::fixed_points::{TimeAxis, fixed_points};
use neuropil_spikes::start::Start;
use neuropil_spikes::{MicroOptions, micro, winner_take_all};
use serde_json::json;

use super::circuit_recording::{RATES, coarser, levels, seed};
use super::{PAPER, ROOM};
use crate::{Context, Experiment, Info, Result};

/// Levels and switches of the microscopic circuit.
#[derive(Debug)]
pub struct WinnerTakeAll;

const INFO: Info = Info {
    id: "spikes.population-winner-take-all",
    room: ROOM,
    paper: PAPER,
    figure: "Figure 4 (data)",
    title: "Three populations, two states: the circuit behind the recordings",
};

fn duration(size: Size) -> f64 {
    match size {
        Size::Quick => 200.0,
        Size::Full => 400.0,
    }
}

impl Experiment for WinnerTakeAll {
    fn info(&self) -> &Info {
        &INFO
    }

    fn parameters(&self, size: Size) -> serde_json::Value {
        json!({"network": winner_take_all(), "dt_s": 0.0002, "duration_s": duration(size), "algorithm": "cohort"})
    }

    fn run(&self, context: &Context) -> Result<Section> {
        let network = winner_take_all();
        let options = MicroOptions {
            duration: duration(context.size),
            seed: seed(context, INFO.id, 0),
            start: Start::Activity(RATES.to_vec()),
            ..MicroOptions::default()
        };
        let result = micro::simulate_micro_with(&network, &options, &context.monitor)?;
        let found = levels(result.activity.view(), result.dt)?;
        let bins = coarser(result.activity.view(), 100);
        let shown = bins.nrows().min(3000);
        let time: Vec<f64> = (0..shown).map(|t| t as f64 * 0.02).collect();
        let mut panel = Panel::new().x_label("time (s)").y_label("activity (Hz)").height(260.0);
        for (m, name) in ["E1", "E2", "I"].into_iter().enumerate() {
            panel = panel.line(name, &time, &bins.column(m).to_vec()[..shown]);
        }
        let mut plane = Panel::new()
            .title("States in the plane of the excitatory populations")
            .x_label("activity of E1 (Hz)")
            .y_label("activity of E2 (Hz)")
            .height(320.0)
            .points("bins of 20 ms", &bins.column(0).to_vec()[..shown], &bins.column(1).to_vec()[..shown])
            .size(1.0);
        let points = fixed_points(&network, TimeAxis::Continuous)?;
        for (stable, name) in [(true, "stable fixed points"), (false, "saddle")] {
            let of = |m: usize| -> Vec<f64> {
                points.iter().filter(|point| point.is_stable() == stable).map(|point| point.activity[m]).collect()
            };
            plane = plane.points(name, &of(0), &of(1)).size(6.0);
        }
        let n_switches = found.switches.times.len() as f64;
        Ok(Section::new(INFO.id, ROOM, INFO.title)
            .describe(
                "1000 integrate-and-fire neurons, simulated exactly by cohorts in steps of 0.2 ms. One excitatory \
                 population is active and suppresses the other through the inhibitory one; the noise of finitely many \
                 neurons makes them change places every ten seconds or so.",
            )
            .claim(
                Claim::new("high", "mean activity of the winning population, Hz")
                    .reference(18.78, Source::ThisProject)
                    .value(found.high)
                    .within(18.2, 19.3),
            )
            .claim(
                Claim::new("low", "mean activity of the losing population, Hz")
                    .reference(6.03, Source::ThisProject)
                    .value(found.low)
                    .within(5.5, 6.7),
            )
            .claim(
                Claim::new("inhibitory", "mean activity of the inhibitory population, Hz")
                    .reference(24.50, Source::ThisProject)
                    .value(found.inhibitory)
                    .within(24.2, 24.8),
            )
            .claim(
                Claim::new("switches", "switches within 200 s (of the simulated time, in proportion)")
                    .reference("20 to 24 on average", Source::ThisProject)
                    .value(n_switches * 200.0 / duration(context.size))
                    .within(8.0, 45.0),
            )
            .figure(
                Figure::new("winner-take-all", "A winner-take-all circuit of 1000 neurons")
                    .describe(
                        "Activity in bins of 20 ms over the first minute, and the same bins in the plane of the \
                         excitatory populations with the fixed points of infinitely large populations.",
                    )
                    .panel(panel)
                    .panel(plane),
            )
            .note("The reference values are those of an independent program over 400 s; the paper shows about 20, 5 and 25 Hz."))
    }
}
