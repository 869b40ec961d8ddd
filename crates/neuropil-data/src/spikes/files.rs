//! Files of spikes.
//!
//! | file | what it holds |
//! |---|---|
//! | csv, tsv | one row per spike: `neuron` (a name or a number), `time_s` or `time_ms`, and where they matter `trial` and `population` |
//! | npz | `times` (s) and `ids` (0, 1, ...) of every spike; and where they matter `trials` (index of every spike), `t_start` and `t_stop` (one per trial), `n_neurons`, `populations` (a number per neuron) |
//! | npz, npy | a dense array `spikes` of 0 and 1 (or counts): time x neuron, or trial x time x neuron; needs the bin width `dt`, in the file or as an option |
//! | NWB, HDF5 | a Units table, see [`nwb`] |

use std::collections::HashMap;
use std::path::Path;

use ndarray::{Array1, ArrayD, Axis, Ix3};
use neuropil_core::files::Overwrite;

use super::{SpikeTrains, SpikeTrial, nwb};
use crate::arrays::{self, Npz, read_npy};
use crate::columns::{ColumnType, Columns, read_csv};
use crate::error::{DataError, Result};
use crate::kind::{self, Kind};
use crate::results::{Values, write_columns_csv};

/// What a file of spikes may not say itself.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SpikeFileOptions {
    /// Bin width of a dense array, s.
    pub dt: Option<f64>,
    /// Begin of every trial, s; zero (or the first spike, if that is earlier) where the file does not say.
    pub t_start: Option<f64>,
    /// End of every trial, s; the last spike of all trials where the file does not say.
    pub t_stop: Option<f64>,
    /// Column that holds the population of a neuron; `population` if there is one.
    pub population: Option<String>,
    /// Whether the trials of an NWB file become trials.
    pub trials: Split,
}

/// What becomes of the trials of an NWB file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Split {
    /// The recording stays whole.
    #[default]
    Whole,
    /// One trial per row of `intervals/trials`; time counts from its start.
    Trials,
}

/// Reads spike trains; see the [table](self).
///
/// # Errors
/// Everything that [`DataError`] says about reading; a file in which no spikes are found; spike times that are not
/// finite; values of a dense array that are no counts.
pub fn read_spikes(path: &Path, options: &SpikeFileOptions) -> Result<SpikeTrains> {
    match kind::of_file(path)? {
        Kind::Table => of_table(path, &read_csv(path)?, options),
        Kind::Npz => of_npz(path, options),
        Kind::Npy => dense(path, read_npy(path)?, dt_of(path, options.dt)?, options.t_start.unwrap_or(0.0), None),
        Kind::Idx => {
            Err(DataError::format(path, "is an array of the IDX format, which holds pictures and labels, no spikes"))
        }
        Kind::Hdf5 => nwb::read_nwb(path, options),
    }
}

fn of_table(path: &Path, table: &Columns, options: &SpikeFileOptions) -> Result<SpikeTrains> {
    let has = |name: &str| table.names().iter().any(|known| known == name);
    let times: Vec<f64> = if has("time_s") {
        table.numbers("time_s")?
    } else if has("time_ms") {
        table.numbers("time_ms")?.into_iter().map(|time| time / 1e3).collect()
    } else {
        let problem = "spikes need a column \"time_s\" (seconds) or \"time_ms\" (milliseconds), so that the unit is known, \
                       and a column \"neuron\"";
        return Err(DataError::format(path, problem));
    };
    let neurons = labels(table, "neuron")?;
    let trials = if has("trial") { labels(table, "trial")? } else { Labels::single(times.len()) };
    if let Some(row) = times.iter().position(|time| !time.is_finite()) {
        let line = table.line(row).unwrap_or(0);
        return Err(DataError::format(
            path,
            format!("line {line}: a spike time is {}; it must be a number", times[row]),
        ));
    }
    let column = options.population.as_deref().or_else(|| has("population").then_some("population"));
    let populations = match column {
        None => None,
        Some(column) => {
            let of_rows = table.text(column)?;
            let mut found: Vec<Option<&str>> = vec![None; neurons.names.len()];
            for (row, &neuron) in neurons.index.iter().enumerate() {
                match found[neuron] {
                    None => found[neuron] = Some(of_rows[row]),
                    Some(known) if known != of_rows[row] => {
                        let (name, now) = (&neurons.names[neuron], of_rows[row]);
                        let line = table.line(row).unwrap_or(0);
                        let problem = format!("line {line}: neuron {name} is in \"{known}\" and in \"{now}\"");
                        return Err(DataError::format(path, problem));
                    }
                    Some(_) => {}
                }
            }
            Some(found.into_iter().map(|name| name.unwrap_or_default().to_owned()).collect())
        }
    };
    let spikes =
        times.into_iter().zip(neurons.index).zip(trials.index).map(|((time, neuron), trial)| (trial, neuron, time));
    assemble(spikes, neurons.names, populations, trials.names.len(), options, None, None)
}

/// Names in order of their value (numbers) or of appearance (text), and the index of every row.
struct Labels {
    names: Vec<String>,
    index: Vec<usize>,
}

impl Labels {
    fn single(n: usize) -> Self {
        Self { names: vec!["0".into()], index: vec![0; n] }
    }
}

fn labels(table: &Columns, column: &str) -> Result<Labels> {
    let texts = table.text(column)?;
    let mut names: Vec<&str> = Vec::new();
    let mut seen = HashMap::new();
    for text in &texts {
        seen.entry(*text).or_insert_with(|| {
            names.push(text);
            names.len() - 1
        });
    }
    if table.column_type(column)? == ColumnType::Number {
        let value = |name: &str| name.trim().parse::<f64>().unwrap_or(f64::NAN);
        names.sort_by(|a, b| value(a).total_cmp(&value(b)));
        seen = names.iter().enumerate().map(|(i, name)| (*name, i)).collect();
    }
    let index = texts.iter().map(|text| seen[text]).collect();
    Ok(Labels { names: names.into_iter().map(str::to_owned).collect(), index })
}

/// Spikes in any order become sorted trains.
fn assemble(
    spikes: impl Iterator<Item = (usize, usize, f64)>,
    neurons: Vec<String>,
    populations: Option<Vec<String>>,
    n_trials: usize,
    options: &SpikeFileOptions,
    starts: Option<&[f64]>,
    stops: Option<&[f64]>,
) -> Result<SpikeTrains> {
    let mut trains = vec![vec![Vec::new(); neurons.len()]; n_trials.max(1)];
    let (mut first, mut last) = (f64::INFINITY, f64::NEG_INFINITY);
    for (trial, neuron, time) in spikes {
        trains[trial][neuron].push(time);
        first = first.min(time);
        last = last.max(time);
    }
    let t_start = options.t_start.unwrap_or(if first < 0.0 { first } else { 0.0 });
    let t_stop = options.t_stop.unwrap_or(last.max(t_start));
    let trials = trains.iter_mut().enumerate().map(|(i, trains)| {
        trains.iter_mut().for_each(|train| train.sort_unstable_by(f64::total_cmp));
        let start = starts.map_or(t_start, |starts| starts[i.min(starts.len() - 1)]);
        let stop = stops.map_or(t_stop, |stops| stops[i.min(stops.len() - 1)]);
        SpikeTrial::new(start, stop, trains)
    });
    let trials = trials.collect::<Result<Vec<_>>>()?;
    SpikeTrains::new(neurons, populations, trials)
}

fn of_npz(path: &Path, options: &SpikeFileOptions) -> Result<SpikeTrains> {
    let names = arrays::npz_names(path)?;
    let has = |name: &str| names.iter().any(|known| known == name);
    let numbers = |name: &str| -> Result<Option<Vec<f64>>> {
        if !has(name) {
            return Ok(None);
        }
        arrays::read_array(path, Some(name)).map(|array| Some(array.iter().copied().collect()))
    };
    let indices = |name: &str| -> Result<Option<Vec<usize>>> {
        let Some(values) = numbers(name)? else { return Ok(None) };
        let whole = |value: &f64| *value >= 0.0 && *value < 1e9 && value.fract() == 0.0;
        match values.iter().position(|value| !whole(value)) {
            Some(i) => {
                let value = values[i];
                Err(DataError::format(path, format!("{name}[{i}] is {value}, but must be a whole number from 0 on")))
            }
            None => Ok(Some(values.into_iter().map(|value| value as usize).collect())),
        }
    };
    let starts = numbers("t_start")?;
    if has("spikes") {
        let dt = numbers("dt")?.and_then(|values| values.first().copied()).or(options.dt);
        let start = starts.and_then(|values| values.first().copied()).or(options.t_start).unwrap_or(0.0);
        let populations = indices("populations")?;
        return dense(path, arrays::read_array(path, Some("spikes"))?, dt_of(path, dt)?, start, populations);
    }
    let (Some(times), Some(ids)) = (numbers("times")?, indices("ids")?) else {
        let problem = format!(
            "spikes need the arrays \"times\" and \"ids\", or a dense array \"spikes\"; it has {}",
            names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
        );
        return Err(DataError::format(path, problem));
    };
    let of_spikes = indices("trials")?.unwrap_or_else(|| vec![0; times.len()]);
    if ids.len() != times.len() || of_spikes.len() != times.len() {
        let (n, k, t) = (times.len(), ids.len(), of_spikes.len());
        return Err(DataError::format(
            path,
            format!("there are {n} times, {k} ids and {t} trials; one each per spike"),
        ));
    }
    if let Some(i) = times.iter().position(|time| !time.is_finite()) {
        return Err(DataError::format(path, format!("times[{i}] is {}; it must be a number", times[i])));
    }
    let populations = indices("populations")?;
    let n_neurons = indices("n_neurons")?.and_then(|values| values.first().copied());
    let n_neurons = n_neurons
        .or(populations.as_ref().map(Vec::len))
        .unwrap_or(0)
        .max(ids.iter().max().map_or(0, |largest| largest + 1));
    let stops = numbers("t_stop")?;
    let n_trials = stops.as_ref().map_or(1, Vec::len).max(of_spikes.iter().max().map_or(1, |largest| largest + 1));
    if n_neurons > 10_000_000 || n_trials > 10_000_000 {
        let problem = format!("{n_neurons} neurons in {n_trials} trials are too many; ids and trials count from 0");
        return Err(DataError::format(path, problem));
    }
    let populations = populations.map(|labels| labels.iter().map(usize::to_string).collect());
    let neurons = (0..n_neurons).map(|i| i.to_string()).collect();
    let spikes = times.into_iter().zip(ids).zip(of_spikes).map(|((time, id), trial)| (trial, id, time));
    let not_empty = |values: &Option<Vec<f64>>| values.clone().filter(|values| !values.is_empty());
    let (starts, stops) = (not_empty(&starts), not_empty(&stops));
    assemble(spikes, neurons, populations, n_trials, options, starts.as_deref(), stops.as_deref())
}

fn dt_of(path: &Path, dt: Option<f64>) -> Result<f64> {
    match dt {
        Some(dt) if dt > 0.0 && dt.is_finite() => Ok(dt),
        Some(dt) => {
            Err(DataError::format(path, format!("dt is {dt}, but the bin width must be a positive number of seconds")))
        }
        None => Err(DataError::format(
            path,
            "a dense array of spikes does not say how long a bin is; give the bin width dt in seconds",
        )),
    }
}

/// Spikes of a dense array lie in the middle of their bins.
fn dense(
    path: &Path,
    array: ArrayD<f64>,
    dt: f64,
    t_start: f64,
    populations: Option<Vec<usize>>,
) -> Result<SpikeTrains> {
    let shape = array.shape().to_vec();
    let array = if shape.len() == 2 { array.insert_axis(Axis(0)) } else { array };
    let array = array.into_dimensionality::<Ix3>().map_err(|_| DataError::Shape {
        path: path.into(),
        array: None,
        shape,
        wanted: "spikes have the axes time x neuron, or trial x time x neuron",
    })?;
    let mut trials = Vec::with_capacity(array.len_of(Axis(0)));
    for (k, trial) in array.outer_iter().enumerate() {
        let mut trains = vec![Vec::new(); trial.ncols()];
        for ((bin, neuron), &count) in trial.indexed_iter() {
            if !(count >= 0.0 && count.fract() == 0.0 && count <= 1000.0) {
                let problem = format!(
                    "spikes[{k}, {bin}, {neuron}] is {count}; an array of spikes holds 0, 1 or a small count in each bin"
                );
                return Err(DataError::format(path, problem));
            }
            for spike in 0..count as usize {
                trains[neuron].push(t_start + (bin as f64 + (spike as f64 + 0.5) / count) * dt);
            }
        }
        trials.push(SpikeTrial::new(t_start, t_start + trial.nrows() as f64 * dt, &trains)?);
    }
    let n = array.len_of(Axis(2));
    let neurons = (0..n).map(|i| i.to_string()).collect();
    SpikeTrains::new(neurons, populations.map(|labels| labels.iter().map(usize::to_string).collect()), trials)
}

/// Writes a csv file with one row per spike: `trial`, `neuron`, `population` where it is known, `time_s`. Neurons without
/// a spike and the ends of trials are not in it; npz and NWB keep them.
///
/// # Errors
/// See [`neuropil_core::files::FileError`].
pub fn write_spikes_csv(path: &Path, spikes: &SpikeTrains, overwrite: Overwrite) -> Result<()> {
    let (mut trials, mut neurons, mut populations, mut times) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (k, trial) in spikes.trials.iter().enumerate() {
        for (i, train) in trial.trains().enumerate() {
            for &time in train {
                trials.push(k as i64);
                neurons.push(spikes.neurons[i].as_str());
                if let Some(labels) = &spikes.populations {
                    populations.push(labels[i].as_str());
                }
                times.push(time);
            }
        }
    }
    let mut columns = vec![("trial", Values::Integers(&trials)), ("neuron", Values::Text(neurons))];
    if spikes.populations.is_some() {
        columns.push(("population", Values::Text(populations)));
    }
    columns.push(("time_s", Values::Numbers(&times)));
    write_columns_csv(path, &columns, overwrite)
}

/// Writes an npz file with the arrays of the [table](self). Neurons become numbers, and so do populations, in order of
/// their first appearance.
///
/// # Errors
/// See [`neuropil_core::files::FileError`].
pub fn write_spikes_npz(path: &Path, spikes: &SpikeTrains, overwrite: Overwrite) -> Result<()> {
    let (mut trials, mut ids, mut times) = (Vec::new(), Vec::new(), Vec::new());
    for (k, trial) in spikes.trials.iter().enumerate() {
        for (i, train) in trial.trains().enumerate() {
            trials.extend(std::iter::repeat_n(k as i64, train.len()));
            ids.extend(std::iter::repeat_n(i as i64, train.len()));
            times.extend_from_slice(train);
        }
    }
    let (times, ids, trials) = (Array1::from(times), Array1::from(ids), Array1::from(trials));
    let t_start: Array1<f64> = spikes.trials.iter().map(|trial| trial.t_start).collect();
    let t_stop: Array1<f64> = spikes.trials.iter().map(|trial| trial.t_stop).collect();
    let n_neurons = Array1::from(vec![spikes.n_neurons() as i64]);
    let labels: Option<Array1<i64>> =
        spikes.population_labels().map(|(_, labels)| labels.into_iter().map(|label| label as i64).collect());
    let mut file = Npz::new()
        .array("times", times.view().into_dyn())
        .array("ids", ids.view().into_dyn())
        .array("trials", trials.view().into_dyn())
        .array("t_start", t_start.view().into_dyn())
        .array("t_stop", t_stop.view().into_dyn())
        .array("n_neurons", n_neurons.view().into_dyn());
    if let Some(labels) = &labels {
        file = file.array("populations", labels.view().into_dyn());
    }
    file.write(path, overwrite)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array3;

    fn example() -> SpikeTrains {
        let trial = |shift: f64| SpikeTrial::new(0.0, 2.0, &[vec![0.5 + shift, 1.0], vec![], vec![0.25]]).unwrap();
        let names = ["0", "1", "2"].map(str::to_owned).to_vec();
        let populations = ["0", "0", "1"].map(str::to_owned).to_vec();
        SpikeTrains::new(names, Some(populations), vec![trial(0.0), trial(0.125)]).unwrap()
    }

    #[test]
    fn npz_keeps_everything() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spikes.npz");
        write_spikes_npz(&path, &example(), Overwrite::Refuse).unwrap();
        assert_eq!(read_spikes(&path, &SpikeFileOptions::default()).unwrap(), example());
    }

    #[test]
    fn csv_keeps_every_spike() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spikes.csv");
        write_spikes_csv(&path, &example(), Overwrite::Refuse).unwrap();
        let options = SpikeFileOptions { t_stop: Some(2.0), ..SpikeFileOptions::default() };
        let read = read_spikes(&path, &options).unwrap();
        assert_eq!(read, example().select(&[0, 2]));
        // In milliseconds, unsorted, without trials.
        std::fs::write(&path, "neuron,time_ms\nb,500\na,20\nb,100\n").unwrap();
        let read = read_spikes(&path, &SpikeFileOptions::default()).unwrap();
        assert_eq!((read.neurons.clone(), read.trials[0].train(0)), (vec!["b".into(), "a".into()], &[0.1, 0.5][..]));
        std::fs::write(&path, "neuron,time\n1,2\n").unwrap();
        assert!(read_spikes(&path, &SpikeFileOptions::default()).unwrap_err().to_string().contains("time_ms"));
        std::fs::write(&path, "neuron,time_s\n1,2\n1,\n").unwrap();
        assert!(read_spikes(&path, &SpikeFileOptions::default()).unwrap_err().to_string().contains("line 3"));
        std::fs::write(&path, "neuron,time_s,population\n1,2,E\n1,3,I\n").unwrap();
        assert!(
            read_spikes(&path, &SpikeFileOptions::default()).unwrap_err().to_string().contains("\"E\" and in \"I\"")
        );
    }

    #[test]
    fn dense_arrays_need_a_bin_width_and_hold_counts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spikes.npy");
        let mut array = Array3::zeros((2, 10, 3));
        array[[1, 4, 2]] = 1.0;
        array[[0, 9, 0]] = 2.0;
        arrays::write_npy(&path, &array.view().into_dyn(), Overwrite::Replace).unwrap();
        assert!(read_spikes(&path, &SpikeFileOptions::default()).unwrap_err().to_string().contains("bin width dt"));
        let options = SpikeFileOptions { dt: Some(0.004), ..SpikeFileOptions::default() };
        let read = read_spikes(&path, &options).unwrap();
        assert_eq!((read.trials.len(), read.n_neurons(), read.n_spikes()), (2, 3, 3));
        assert!((read.trials[1].train(2)[0] - 0.018).abs() < 1e-12);
        array[[0, 0, 0]] = -1.0;
        arrays::write_npy(&path, &array.view().into_dyn(), Overwrite::Replace).unwrap();
        assert!(read_spikes(&path, &options).unwrap_err().to_string().contains("spikes[0, 0, 0] is -1"));
    }
}
