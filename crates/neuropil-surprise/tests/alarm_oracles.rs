//! Alarms counted by hand.

use neuropil_core::progress::Monitor;
use neuropil_core::provenance::Provenance;
use neuropil_surprise::alarm::{Rule, Statistic, performance};
use neuropil_surprise::calibration::{Calibration, Null, Target, Threshold, calibrate};
use neuropil_surprise::family::Gaussian;
use neuropil_surprise::model::ChangePointLearner;

fn model() -> ChangePointLearner {
    ChangePointLearner {
        hazard: 0.05.into(),
        ..ChangePointLearner::new(Gaussian { sigma: 1.0, prior_sd: 3.0, ..Gaussian::default() })
    }
}

const BY_RATE: Rule = Rule { statistic: Statistic::AdaptationRate, refractory: 0 };

fn threshold(value: f64) -> Threshold {
    Threshold {
        value,
        rule: BY_RATE,
        wanted_rate: 0.1,
        achieved_rate: 0.1,
        interval: (0.0, 1.0),
        false_alarms: 0,
        streams: 0,
        provenance: Provenance::new(serde_json::Value::Null),
    }
}

fn calibration(target: Target, length: usize, streams: Option<usize>) -> Calibration<'static> {
    Calibration { length, target, streams, null: Null::Prior, seed: 1, monitor: Monitor::silent() }
}

#[test]
fn an_alarm_at_every_observation_hits_at_once_and_one_at_none_never() {
    let always = performance(&model(), &threshold(0.0), (10, 5), 40, 0, &Monitor::silent()).unwrap();
    assert_eq!((always.hit_rate, always.false_alarm_rate), (1.0, 1.0));
    assert_eq!((always.mean_delay, always.median_delay), (Some(0.0), Some(0.0)));
    let never = performance(&model(), &threshold(2.0), (10, 5), 40, 0, &Monitor::silent()).unwrap();
    assert_eq!((never.hit_rate, never.false_alarm_rate, never.mean_delay), (0.0, 0.0, None));
}

#[test]
fn the_hit_rate_is_the_share_of_streams_with_an_alarm_after_the_change() {
    // The same streams, with ever more time to find the change: what was found stays found.
    let streams = 300;
    let found: Vec<f64> = [1, 3, 10]
        .into_iter()
        .map(|horizon| {
            let test = performance(&model(), &threshold(0.5), (20, horizon), streams, 3, &Monitor::silent()).unwrap();
            let hits = test.hit_rate * streams as f64;
            assert!((hits - hits.round()).abs() < 1e-9, "{hits} of {streams} streams");
            assert!(test.hit_interval.0 < test.hit_rate && test.hit_rate < test.hit_interval.1);
            assert!(horizon > 1 || test.mean_delay == Some(0.0));
            test.hit_rate
        })
        .collect();
    assert!(found[0] > 0.2 && found[0] < found[1] && found[1] <= found[2] && found[2] < 1.0, "{found:?}");
}

#[test]
fn the_interval_of_the_rate_is_that_of_a_proportion_where_one_alarm_is_possible() {
    // At the first observation there is no surprise, so that a stream of two raises one alarm at most: the rate per
    // observation is half a proportion.
    let rule = Rule { statistic: Statistic::LogBayesFactor, refractory: 0 };
    let found = calibrate(&model(), &rule, &calibration(Target::PerObservation(0.1), 2, Some(2000))).unwrap();
    let n = found.streams as f64;
    let share = found.false_alarms as f64 / n;
    assert!((found.achieved_rate - share / 2.0).abs() < 1e-12 && share > 0.1, "{found:?}");
    let half = 1.96 * 0.5 * (share * (1.0 - share) / (n - 1.0)).sqrt();
    let (low, high) = found.interval;
    assert!((high - found.achieved_rate - half).abs() < 1e-6 && (found.achieved_rate - low - half).abs() < 1e-6);
}

#[test]
fn there_are_streams_enough_for_a_thousand_false_alarms_and_two_hundred_at_least() {
    let rule = BY_RATE;
    for (target, length, streams) in [
        (Target::PerObservation(0.02), 100, 500),
        (Target::AverageRunLength(25.0), 50, 500),
        (Target::PerObservation(0.2), 50, 200),
        (Target::PerStream(0.25), 10, 4000),
    ] {
        let found = calibrate(&model(), &rule, &calibration(target, length, None)).unwrap();
        assert_eq!(found.streams, streams, "{target:?}");
    }
}
