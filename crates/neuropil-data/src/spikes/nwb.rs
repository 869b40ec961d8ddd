//! The Units table of an NWB file, and of any HDF5 file that is laid out like one.
//!
//! `spike_times` holds the times of all units end to end, `spike_times_index` where each unit ends. The table is
//! looked for at `/units`, and then anywhere in the file. A begin and an end of the recording are taken from
//! `obs_intervals` where the file has them, and are otherwise the first and the last spike. Neurons have the names of
//! the column `unit_name`, or of `id`. Everything is read in one piece, without the HDF5 library.

use std::collections::HashSet;
use std::path::Path;

use hdf5_pure::{Dataset, File, Group};

use super::files::{SpikeFileOptions, Split};
use super::{SpikeTrains, SpikeTrial};
use crate::error::{DataError, Result};

/// How deep the search for a Units table goes.
const DEPTH: usize = 6;

/// Reads the Units table of an NWB or HDF5 file.
///
/// # Errors
/// A file that is missing, damaged or no HDF5 file; one without a Units table; an index that does not fit; trials that
/// are asked for and not there.
pub fn read_nwb(path: &Path, options: &SpikeFileOptions) -> Result<SpikeTrains> {
    let file = open(path)?;
    let damaged = |error: hdf5_pure::Error| DataError::format(path, format!("its Units table cannot be read: {error}"));
    let Some((place, units)) = find_units(&file.root(), String::new(), DEPTH) else {
        let problem = "it has no Units table (spike_times and spike_times_index); write the sorted units into it first";
        return Err(DataError::format(path, problem));
    };
    let times = units.dataset("spike_times").and_then(|data| data.read_f64()).map_err(damaged)?;
    let ends = units.dataset("spike_times_index").and_then(|data| data.read_u64()).map_err(damaged)?;
    let mut offsets = vec![0_usize];
    offsets.extend(ends.iter().map(|&end| end as usize));
    if offsets.windows(2).any(|pair| pair[0] > pair[1]) || offsets[offsets.len() - 1] != times.len() {
        let problem = format!("{place}/spike_times_index does not rise to {}, the number of spikes", times.len());
        return Err(DataError::format(path, problem));
    }
    let n_units = offsets.len() - 1;
    let mut trains: Vec<Vec<f64>> = offsets.windows(2).map(|pair| times[pair[0]..pair[1]].to_vec()).collect();
    for (unit, train) in trains.iter_mut().enumerate() {
        if let Some(time) = train.iter().find(|time| !time.is_finite()) {
            let problem =
                format!("unit {unit} has a spike at {time}; remove missing spike times from {place}/spike_times");
            return Err(DataError::format(path, problem));
        }
        train.sort_unstable_by(f64::total_cmp);
    }
    let different = |names: &Vec<String>| names.iter().collect::<HashSet<_>>().len() == names.len();
    let neurons = texts(&units, "unit_name", n_units).filter(different);
    let neurons = neurons.or_else(|| texts(&units, "id", n_units).filter(different));
    let neurons = neurons.unwrap_or_else(|| (0..n_units).map(|i| i.to_string()).collect());
    let populations = match &options.population {
        Some(column) => Some(texts(&units, column, n_units).ok_or_else(|| {
            let available = units.datasets().unwrap_or_default();
            DataError::unknown(path, "column", column, &available)
        })?),
        None => texts(&units, "population", n_units),
    };
    let observed = units.dataset("obs_intervals").and_then(|data| data.read_f64()).unwrap_or_default();
    let all = || trains.iter().flatten().copied();
    let (first, last) = match observed.is_empty() {
        true => (all().fold(f64::INFINITY, f64::min), all().fold(f64::NEG_INFINITY, f64::max)),
        false => (
            observed.iter().copied().fold(f64::INFINITY, f64::min).min(all().fold(f64::INFINITY, f64::min)),
            observed.iter().copied().fold(f64::NEG_INFINITY, f64::max).max(all().fold(f64::NEG_INFINITY, f64::max)),
        ),
    };
    let (first, last) = if first.is_finite() { (first, last) } else { (0.0, 0.0) };
    let whole = SpikeTrial::new(options.t_start.unwrap_or(first), options.t_stop.unwrap_or(last), &trains);
    let trials = match options.trials {
        Split::Whole => vec![whole?],
        Split::Trials => {
            let intervals = trial_intervals(&file).ok_or_else(|| {
                DataError::format(path, "it has no trials (intervals/trials with start_time and stop_time)")
            })?;
            cut(&whole?, &intervals)?
        }
    };
    SpikeTrains::new(neurons, populations, trials)
}

/// Pieces of a recording as trials whose time counts from their start.
fn cut(whole: &SpikeTrial, intervals: &[(f64, f64)]) -> Result<Vec<SpikeTrial>> {
    intervals
        .iter()
        .map(|&(start, stop)| {
            let window = whole.window(start, stop);
            let trains: Vec<Vec<f64>> =
                window.trains().map(|train| train.iter().map(|time| (time - start).max(0.0)).collect()).collect();
            SpikeTrial::new(0.0, stop - start, &trains)
        })
        .collect()
}

fn trial_intervals(file: &File) -> Option<Vec<(f64, f64)>> {
    let trials = file.group("intervals/trials").ok()?;
    let starts = trials.dataset("start_time").and_then(|data| data.read_f64()).ok()?;
    let stops = trials.dataset("stop_time").and_then(|data| data.read_f64()).ok()?;
    let whole = |(start, stop): &(f64, f64)| start.is_finite() && stop > start;
    Some(starts.into_iter().zip(stops).filter(whole).collect())
}

pub(crate) fn open(path: &Path) -> Result<File> {
    let bytes = std::fs::read(path).map_err(|error| DataError::io(path, error))?;
    File::from_bytes(bytes).map_err(|error| DataError::format(path, format!("it is no whole HDF5 file ({error})")))
}

/// The first group with a ragged column of spike times, and where it is.
fn find_units(group: &Group, place: String, depth: usize) -> Option<(String, Group)> {
    if place.is_empty()
        && let Ok(units) = group.group("units")
        && is_units(&units)
    {
        return Some(("/units".into(), units));
    }
    if is_units(group) {
        return Some((place, group.clone()));
    }
    if depth == 0 {
        return None;
    }
    let names = group.groups().ok()?;
    names.into_iter().find_map(|name| find_units(&group.group(&name).ok()?, format!("{place}/{name}"), depth - 1))
}

fn is_units(group: &Group) -> bool {
    let names = group.datasets().unwrap_or_default();
    ["spike_times", "spike_times_index"].iter().all(|wanted| names.iter().any(|name| name == wanted))
}

/// A column of a table as text; `None` if it is not there or of another length.
fn texts(units: &Group, column: &str, n: usize) -> Option<Vec<String>> {
    let data: Dataset = units.dataset(column).ok()?;
    let values = match data.read_string() {
        Ok(values) => values,
        Err(_) => data.read_i64().ok()?.iter().map(i64::to_string).collect(),
    };
    (values.len() == n).then_some(values)
}

/// A line about every dataset of an HDF5 file: path, type, shape. The copy of the format's own description that NWB files
/// carry is left out.
pub(crate) fn contents(file: &File) -> Vec<(String, String, Vec<usize>)> {
    fn walk(group: &Group, place: &str, depth: usize, found: &mut Vec<(String, String, Vec<usize>)>) {
        for name in group.datasets().unwrap_or_default() {
            if let Ok(data) = group.dataset(&name) {
                let shape = data.shape().unwrap_or_default().into_iter().map(|n| n as usize).collect();
                let dtype = data.dtype().map_or_else(|_| "unknown".to_owned(), |dtype| format!("{dtype:?}"));
                // Compound types fill the line; their name is enough.
                let dtype = dtype.split(['(', '{', ' ']).next().unwrap_or_default().to_lowercase();
                found.push((format!("{place}/{name}"), dtype, shape));
            }
        }
        if depth > 0 {
            let of_the_format = |name: &String| place.is_empty() && name == "specifications";
            for name in group.groups().unwrap_or_default().into_iter().filter(|name| !of_the_format(name)) {
                if let Ok(child) = group.group(&name) {
                    walk(&child, &format!("{place}/{name}"), depth - 1, found);
                }
            }
        }
    }
    let mut found = Vec::new();
    walk(&file.root(), "", DEPTH, &mut found);
    found
}

#[cfg(test)]
mod tests {
    use hdf5_pure::FileBuilder;
    use neuropil_core::files::Overwrite;

    use super::super::write_nwb;
    use super::*;

    fn example(n_trials: usize) -> SpikeTrains {
        let trial = SpikeTrial::new(0.0, 2.0, &[vec![0.5, 1.0], vec![], vec![0.25]]).unwrap();
        let names = ["0", "1", "2"].map(str::to_owned).to_vec();
        let populations = ["E", "E", "I"].map(str::to_owned).to_vec();
        SpikeTrains::new(names, Some(populations), vec![trial; n_trials]).unwrap()
    }

    #[test]
    fn a_units_table_reads_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("one.nwb");
        write_nwb(&path, &example(1), Overwrite::Refuse).unwrap();
        assert_eq!(read_nwb(&path, &SpikeFileOptions::default()).unwrap(), example(1));
        let path = folder.path().join("three.nwb");
        write_nwb(&path, &example(3), Overwrite::Refuse).unwrap();
        let options = SpikeFileOptions { trials: Split::Trials, ..SpikeFileOptions::default() };
        assert_eq!(read_nwb(&path, &options).unwrap(), example(3));
        let whole = read_nwb(&path, &SpikeFileOptions::default()).unwrap();
        assert_eq!((whole.trials.len(), whole.duration(), whole.trials[0].train(2)), (1, 6.0, &[0.25, 2.25, 4.25][..]));
    }

    #[test]
    fn names_that_are_no_numbers_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("named.nwb");
        let mut spikes = example(1);
        spikes.neurons = ["a", "b", "long name"].map(str::to_owned).to_vec();
        write_nwb(&path, &spikes, Overwrite::Refuse).unwrap();
        assert_eq!(read_nwb(&path, &SpikeFileOptions::default()).unwrap(), spikes);
    }

    #[test]
    fn what_is_no_units_table_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.h5");
        std::fs::write(&path, b"\x89HDF\r\n\x1a\nrubbish").unwrap();
        assert!(read_nwb(&path, &SpikeFileOptions::default()).unwrap_err().to_string().contains("no whole HDF5 file"));
        let mut file = FileBuilder::new();
        file.create_dataset("x").with_f64_data(&[1.0]);
        std::fs::write(&path, file.finish().unwrap()).unwrap();
        assert!(read_nwb(&path, &SpikeFileOptions::default()).unwrap_err().to_string().contains("no Units table"));
        let mut file = FileBuilder::new();
        let mut units = file.create_group("units");
        units.create_dataset("spike_times").with_f64_data(&[1.0, 2.0]);
        units.create_dataset("spike_times_index").with_u64_data(&[1, 5]);
        file.add_group(units.finish());
        std::fs::write(&path, file.finish().unwrap()).unwrap();
        assert!(read_nwb(&path, &SpikeFileOptions::default()).unwrap_err().to_string().contains("does not rise to 2"));
        let error = read_nwb(&folder.path().join("none.nwb"), &SpikeFileOptions::default()).unwrap_err();
        assert!(error.to_string().contains("does not exist"));
    }
}
