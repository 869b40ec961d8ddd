//! Fits of subjects where the answer is known in closed form, and group laws that must be fixed points.

use ndarray::{Array1, Array2};
use neuropil_core::random::Seed;
use neuropil_surprise::blocks::Blocks;
use neuropil_surprise::cohort::{Trials, fit_hierarchical};
use neuropil_surprise::family::Gaussian;
use neuropil_surprise::free_parameter::FreeParameter;
use neuropil_surprise::method::Method;
use neuropil_surprise::model::ChangePointLearner;
use neuropil_surprise::response::{ResponseModel, Timing};
use neuropil_surprise::simulate::simulate;
use neuropil_surprise::subject::{FitOptions, SubjectData, SubjectModel, fit_subject};

fn model(free: Vec<FreeParameter>) -> SubjectModel {
    SubjectModel {
        learner: ChangePointLearner {
            method: Method::VarSmile { m: None },
            hazard: 0.1.into(),
            ..ChangePointLearner::new(Gaussian { sigma: 0.5, ..Gaussian::default() })
        },
        response: ResponseModel::Report { response_sd: 0.3, bias: 0.4 },
        timing: Timing::After,
        free,
    }
}

#[test]
fn the_fit_of_normal_reports_is_the_textbook_one() {
    let model = model(vec![FreeParameter::linear("bias", -2.0, 2.0), FreeParameter::log("response_sd", 0.01, 10.0)]);
    let n = 200;
    let world = simulate(&model.learner.family, &0.1.into(), n, 3).unwrap();
    let blocks = Blocks::single(n);
    let responses = model.simulate_responses(&[0.4, 0.3], &world.observations, &blocks, Seed::new(2)).unwrap();
    let estimates = model.estimates(&model.learner, &world.observations, &blocks).unwrap();
    let data = SubjectData { subject: "a".into(), observations: world.observations, responses, blocks };
    let fit = fit_subject(&model, &data, &FitOptions { starts: 2, ..FitOptions::default() }).unwrap();

    let residuals: Vec<f64> = data.responses.iter().zip(estimates.column(0)).map(|(r, e)| r - e).collect();
    let count = n as f64;
    let bias = residuals.iter().sum::<f64>() / count;
    let sd = (residuals.iter().map(|r| (r - bias).powi(2)).sum::<f64>() / count).sqrt();
    let log_likelihood = -0.5 * count * ((std::f64::consts::TAU * sd * sd).ln() + 1.0);
    let close = |a: f64, b: f64, tolerance: f64| assert!((a / b - 1.0).abs() < tolerance, "{a} is not {b}");
    close(fit.value("bias").unwrap(), bias, 1e-3);
    close(fit.value("response_sd").unwrap(), sd, 1e-3);
    close(fit.log_likelihood, log_likelihood, 1e-6);
    // Fisher's information of a normal law: n / sd^2 for the mean and 2 n / sd^2 for the standard deviation.
    let errors: Vec<f64> = fit.parameters.iter().map(|parameter| parameter.standard_error.unwrap()).collect();
    close(errors[0], sd / count.sqrt(), 5e-3);
    close(errors[1], sd / (2.0 * count).sqrt(), 5e-3);
    for (parameter, error) in fit.parameters.iter().zip(&errors) {
        let (low, high) = parameter.interval.unwrap();
        close(high - low, 2.0 * 1.959_964 * error, 0.02);
        assert!(low < parameter.value && parameter.value < high && !parameter.at_bound);
    }
    close(fit.aic, 4.0 - 2.0 * log_likelihood, 1e-6);
    close(fit.bic, 2.0 * count.ln() - 2.0 * log_likelihood, 1e-6);
    assert_eq!((fit.n_responses, fit.converged), (n, true));
}

#[test]
fn the_law_of_a_group_is_what_its_subjects_say_and_shrinks_them_by_its_density() {
    let model = model(vec![FreeParameter::named("hazard"), FreeParameter::log("response_sd", 0.01, 10.0)]);
    let (subjects, length) = (5, 40);
    let mut trials = Trials {
        subject: Vec::new(),
        block: vec!["0".into(); subjects * length],
        observations: Array2::zeros((0, 1)),
        responses: Array1::zeros(0),
    };
    let mut responses = Vec::new();
    let mut people = Vec::new();
    for (index, hazard) in [0.02, 0.05, 0.1, 0.2, 0.4].into_iter().enumerate() {
        let world = simulate(&model.learner.family, &0.1.into(), length, index as u64).unwrap();
        let (blocks, seed) = (Blocks::single(length), Seed::new(index as u64));
        let said = model.simulate_responses(&[hazard, 0.3], &world.observations, &blocks, seed).unwrap();
        trials.subject.extend(vec![format!("s{index}"); length]);
        world.observations.outer_iter().for_each(|row| trials.observations.push_row(row).unwrap());
        responses.extend(said.to_vec());
        people.push(SubjectData { subject: String::new(), observations: world.observations, responses: said, blocks });
    }
    trials.responses = responses.into();
    let group = fit_hierarchical(&model, &trials, &FitOptions { starts: 1, ..FitOptions::default() }).unwrap();
    assert!(group.converged, "{} rounds", group.rounds);

    let n = subjects as f64;
    for (i, law) in group.laws.iter().enumerate() {
        // Expectation maximisation: the moments of the subjects, each with the width of its own posterior.
        let mean = group.subjects.iter().map(|fit| fit.z[i]).sum::<f64>() / n;
        let spread = group.subjects.iter().map(|fit| (fit.z[i] - mean).powi(2)).sum::<f64>() / n;
        let width = group.subjects.iter().map(|fit| fit.z_covariance.as_ref().unwrap()[i][i]).sum::<f64>() / n;
        assert!((law.z_mean - mean).abs() < 1e-12 && (law.z_sd.powi(2) - (spread + width)).abs() < 1e-12, "{law:?}");
        assert!(width > 0.05 * (spread + width), "the widths matter here: {width} beside {spread}");
    }
    let mut checked = 0;
    for (fit, data) in group.subjects.iter().zip(&people) {
        let log_likelihood = |z: &[f64]| {
            let values: Vec<f64> = model.free.iter().zip(z).map(|(free, &z)| free.value(z)).collect();
            model.log_likelihood(&values, data).unwrap()
        };
        assert!((fit.log_likelihood - log_likelihood(&fit.z)).abs() < 1e-9, "the penalty is no part of it");
        for (i, law) in group.laws.iter().enumerate() {
            let step = 1e-4;
            let at = |shift: f64| {
                let mut z = fit.z.clone();
                z[i] += shift;
                log_likelihood(&z)
            };
            let slope = (at(step) - at(-step)) / (2.0 * step);
            let pull = (fit.z[i] - law.z_mean) / law.z_sd.powi(2);
            // At the maximum of likelihood times density the slopes cancel, but for the last move of the law: less than
            // 1e-3 in its mean and its standard deviation.
            let moved = 1.2e-3 / law.z_sd.powi(2) + 2.4e-3 / law.z_sd * pull.abs();
            assert!((slope - pull).abs() < 0.01 + moved, "{}: {slope} is not {pull}", law.name);
            checked += usize::from(pull.abs() > 3.0 * (0.01 + moved));
        }
    }
    assert!(checked >= 3, "the density pulls on some subjects: {checked}");
}
