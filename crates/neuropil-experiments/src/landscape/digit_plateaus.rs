//! Images of digits: slow phases in narrow networks.

use std::path::{Path, PathBuf};

use ndarray::ArrayView1;
use neuropil_core::random::Seed;
use neuropil_core::statistics::largest;
use neuropil_landscape::{Activation, AdamParameters, Bias, Dataset, Initialisation, Loss, Mlp, Objective, adam};
use neuropil_report::{Claim, Figure, Panel, Section, Size, Source, Table};

use super::{GEOMETRY, ROOM, digits};
use crate::{Context, Error, Experiment, Info, Result};

/// Training courses on images.
#[derive(Debug)]
pub struct DigitPlateaus;

const INFO: Info = Info {
    id: "landscape.digit-plateaus",
    room: ROOM,
    paper: GEOMETRY,
    figure: "Figure 8 (appendix)",
    title: "Images of digits: the loss falls faster in wider networks",
};

/// The folder of MNIST's test images, if the user has them: the setting of the paper.
fn mnist_folder() -> Option<PathBuf> {
    std::env::var_os("NEUROPIL_MNIST").map(PathBuf::from)
}

fn data() -> Result<Dataset> {
    match mnist_folder() {
        Some(folder) => mnist(&folder),
        None => digits::classes(usize::MAX),
    }
}

/// MNIST's test images, grey values from 0 to 1, from the IDX files as they are distributed, packed or not.
fn mnist(folder: &Path) -> Result<Dataset> {
    let read = |name: &str| {
        let plain = folder.join(name);
        let path = if plain.exists() { plain } else { folder.join(format!("{name}.gz")) };
        neuropil_data::idx::read_idx(&path).map_err(Error::failed)
    };
    let images = read("t10k-images-idx3-ubyte")?;
    let labels: Vec<usize> = read("t10k-labels-idx1-ubyte")?.iter().map(|label| *label as usize).collect();
    if images.ndim() != 3 || images.shape()[0] != labels.len() {
        let shape = images.shape();
        return Err(Error::failed(format!(
            "the images of NEUROPIL_MNIST must have shape (number, rows, columns) with one label each; got {shape:?} for \
             {} labels",
            labels.len()
        )));
    }
    let pixels = images.shape()[1] * images.shape()[2];
    let images = images.into_shape_with_order((labels.len(), pixels)).map_err(Error::failed)? / 255.0;
    Ok(Dataset::labelled(images, &labels, 10)?)
}

/// Share of the samples whose largest output is that of their class.
fn accuracy(network: &Mlp, theta: ArrayView1<f64>, data: &Dataset) -> Result<f64> {
    let largest = |row: ArrayView1<f64>| {
        row.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map_or(usize::MAX, |(class, _)| class)
    };
    let outputs = network.predict(theta, data.inputs())?;
    let targets = data.targets();
    let right = outputs.rows().into_iter().zip(targets.rows()).filter(|(f, y)| largest(*f) == largest(*y));
    Ok(right.count() as f64 / data.n_samples() as f64)
}

fn widths(size: Size) -> Vec<usize> {
    match size {
        Size::Quick => vec![10, 100],
        Size::Full => vec![10, 20, 50, 100, 250, 1000],
    }
}

fn starts(size: Size) -> u64 {
    match size {
        Size::Quick => 2,
        Size::Full => 10,
    }
}

impl Experiment for DigitPlateaus {
    fn info(&self) -> &Info {
        &INFO
    }

    fn parameters(&self, size: Size) -> serde_json::Value {
        let images = if mnist_folder().is_some() { "MNIST test images" } else { "digits, 8 x 8" };
        serde_json::json!({
            "images": images, "activation": "softplus", "widths": widths(size), "starts": starts(size),
            "training": AdamParameters::default(),
        })
    }

    fn run(&self, context: &Context) -> Result<Section> {
        let data = data()?;
        let mnist = mnist_folder().is_some();
        let (inputs, seed) = (data.inputs().ncols(), Seed::new(context.seed).child(INFO.id));
        let mut losses = Panel::new().x_label("step").y_label("loss (nat)").log_y().height(300.0);
        let mut gradients = Panel::new().x_label("step").y_label("squared gradient norm").log_y().height(300.0);
        let mut table = Table::new("ends", "After 500 steps")
            .column("width", "")
            .column("start", "")
            .column("loss", "nat")
            .column("squared gradient norm", "")
            .column("loss at step 1", "nat")
            .column("accuracy", "");
        let mut ends = Vec::new();
        let (mut first, mut accuracies) = (Vec::new(), Vec::new());
        for width in widths(context.size) {
            let network = Mlp::two_layer(inputs, width, 10, Activation::Softplus, Bias::With);
            let objective = Objective::new(&network, &data, Loss::CrossEntropy)?;
            let begin =
                |i| network.initialise(Initialisation::GlorotUniform, seed.index(width as u64).index(i)).into_theta();
            let begin: Vec<_> = (0..starts(context.size)).map(begin).collect();
            let courses = adam(&objective, &begin, &AdamParameters::default(), &context.monitor)?;
            // Largest and smallest loss, largest and smallest squared gradient norm.
            let mut worst = (f64::NEG_INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::INFINITY);
            for (index, course) in courses.iter().enumerate() {
                let x: Vec<f64> = (1..=course.losses.len()).map(|step| step as f64).collect();
                if index == 0 {
                    losses = losses.line(format!("width {width}"), &x, &course.losses);
                    gradients = gradients.line(format!("width {width}"), &x, &course.squared_gradient_norms);
                }
                let last = |values: &[f64]| values.last().copied().unwrap_or(f64::NAN);
                let (loss, gradient) = (last(&course.losses), last(&course.squared_gradient_norms));
                let start = course.losses.first().copied().unwrap_or(f64::NAN);
                first.push(start);
                let accuracy = accuracy(&network, course.theta.view(), &data)?;
                table.push([width.into(), index.into(), loss.into(), gradient.into(), start.into(), accuracy.into()]);
                if width == 10 {
                    accuracies.push(accuracy);
                }
                worst = (
                    largest([worst.0, loss]),
                    -largest([-worst.1, -loss]),
                    largest([worst.2, gradient]),
                    -largest([-worst.3, -gradient]),
                );
            }
            ends.push((width, worst));
        }
        let of = |width: usize| {
            let nothing = (f64::NAN, f64::NAN, f64::NAN, f64::NAN);
            ends.iter().find(|(w, _)| *w == width).map_or(nothing, |(_, end)| *end)
        };
        let (narrow, wide) = (of(10), of(100));
        let mut section = Section::new(INFO.id, ROOM, INFO.title)
            .describe(
                "One hidden softplus layer, softmax cross-entropy, full-batch Adam with step size 0.001 for 500 steps from \
                 Glorot starts, as published; on the 1797 digits that are shipped, or, where the environment variable \
                 NEUROPIL_MNIST names a folder with the IDX files, on MNIST's 10 000 test images.",
            )
            .claim(
                Claim::new("faster", "smallest loss of width 10 after 500 steps over the largest of width 100")
                    .reference("the loss falls faster with width", Source::Paper)
                    .value(narrow.1 / wide.0)
                    .at_least(2.0),
            )
            .claim(
                Claim::new("start-least", "smallest loss at step 1, nat")
                    .reference("near chance, 2.2 to 3.0", Source::ThisProject)
                    .value(-largest(first.iter().map(|loss| -loss)))
                    .within(2.2, 3.0),
            )
            .claim(
                Claim::new("start-most", "largest loss at step 1, nat")
                    .reference("near chance, 2.2 to 3.0", Source::ThisProject)
                    .value(largest(first.iter().copied()))
                    .within(2.2, 3.0),
            );
        if mnist {
            section = section
                .claim(
                    Claim::new("mnist-10", "loss of width 10 after 500 steps, nat")
                        .reference(0.225, Source::ThisProject)
                        .value(narrow.0)
                        .absolute_error_at_most(0.02),
                )
                .claim(
                    Claim::new("mnist-accuracy-10", "lowest share of images that width 10 classifies correctly")
                        .reference("0.935 to 0.945", Source::ThisProject)
                        .value(accuracies.iter().copied().fold(f64::INFINITY, f64::min))
                        .within(0.935, 0.945),
                )
                .claim(
                    Claim::new("mnist-gradient-10", "largest squared gradient norm of width 10 after 500 steps")
                        .reference("1e-3 to 2e-3", Source::ThisProject)
                        .value(narrow.2)
                        .within(1e-3, 2e-3),
                )
                .claim(
                    Claim::new("mnist-least-gradient-10", "smallest squared gradient norm of width 10 after 500 steps")
                        .reference("1e-3 to 2e-3", Source::ThisProject)
                        .value(narrow.3)
                        .within(1e-3, 2e-3),
                )
                .claim(
                    Claim::new("mnist-gradient-100", "largest squared gradient norm of width 100 after 500 steps")
                        .reference("3e-4 to 4e-4", Source::ThisProject)
                        .value(wide.2)
                        .within(3e-4, 4e-4),
                )
                .claim(
                    Claim::new(
                        "mnist-least-gradient-100",
                        "smallest squared gradient norm of width 100 after 500 steps",
                    )
                    .reference("3e-4 to 4e-4", Source::ThisProject)
                    .value(wide.3)
                    .within(3e-4, 4e-4),
                );
        }
        Ok(section
            .figure(
                Figure::new("courses", INFO.title)
                    .describe("Loss and squared gradient norm during training, first start of each width.")
                    .columns(2)
                    .panel(losses)
                    .panel(gradients),
            )
            .table(table))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An IDX file of bytes.
    fn idx(shape: &[u32], values: impl Iterator<Item = u8>) -> Vec<u8> {
        let mut bytes = vec![0, 0, 8, shape.len() as u8];
        bytes.extend(shape.iter().flat_map(|n| n.to_be_bytes()));
        bytes.extend(values);
        bytes
    }

    #[test]
    fn images_are_read_from_a_folder_of_idx_files() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: Vec<u8>| std::fs::write(folder.path().join(name), bytes).unwrap();
        write("t10k-images-idx3-ubyte", idx(&[3, 2, 2], [0, 51, 102, 255].into_iter().cycle().take(12)));
        write("t10k-labels-idx1-ubyte", idx(&[3], [7, 0, 9].into_iter()));
        let data = mnist(folder.path()).unwrap();
        assert_eq!(data.inputs().dim(), (3, 4));
        assert_eq!(data.inputs().row(1).to_vec(), [0.0, 0.2, 0.4, 1.0]);
        assert_eq!(data.targets()[[0, 7]] + data.targets()[[1, 0]] + data.targets()[[2, 9]], 3.0);
        // A network whose output is its bias answers with one class.
        let network = Mlp::uniform(&[4, 10], &Activation::Identity, Bias::With);
        let mut theta = network.zeros().into_theta();
        theta[40 + 9] = 1.0;
        assert!((accuracy(&network, theta.view(), &data).unwrap() - 1.0 / 3.0).abs() < 1e-15);

        write("t10k-labels-idx1-ubyte", idx(&[2], [7, 0].into_iter()));
        let error = mnist(folder.path()).unwrap_err().to_string();
        assert!(error.contains("[3, 2, 2] for 2 labels"), "{error}");
        assert!(mnist(Path::new("no such folder")).is_err());
    }
}
