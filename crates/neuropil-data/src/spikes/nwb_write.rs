//! NWB files of spike trains, without the HDF5 library.

use std::path::Path;

use hdf5_pure::{AttrValue, DatasetBuilder, FileBuilder, GroupBuilder};
use neuropil_core::files::{Overwrite, write_atomically};
use neuropil_core::provenance::{Fingerprint, version};

use super::SpikeTrains;
use super::nwb_references::{placeholder, point};
use crate::error::{DataError, Result};

/// The session of spike trains that do not know when they were recorded.
const UNKNOWN_START: &str = "1970-01-01T00:00:00+00:00";

/// Writes an NWB 2 file that pynwb opens: the trains as the Units table (`id`, `spike_times`, `obs_intervals`, and
/// `population` where it is known; `unit_name` where names are no whole numbers). Several trials are laid end to end in
/// time and become `intervals/trials`. Spike trains do not know the date of their session: NWB demands one, and the
/// file has 1970-01-01. The same trains give the same bytes.
///
/// # Errors
/// See [`neuropil_core::files::FileError`].
pub fn write_nwb(path: &Path, spikes: &SpikeTrains, overwrite: Overwrite) -> Result<()> {
    let failed = |problem: String| DataError::Content { path: path.into(), problem };
    let timeline = Timeline::new(spikes);
    let names = Identifiers::of(spikes, &timeline);
    let mut file = FileBuilder::new();
    names.describe(|name, value| file.set_attr(name, value), "", "core", "NWBFile");
    file.set_attr("nwb_version", text("2.8.0"));
    for (name, value) in [
        ("identifier", names.of_place("identifier").as_str()),
        ("session_description", "spike trains written by neuropil; the date of the session is not known"),
        ("session_start_time", UNKNOWN_START),
        ("timestamps_reference_time", UNKNOWN_START),
    ] {
        file.create_dataset(name).with_vlen_strings(&[value]).with_shape(&[]);
    }
    file.create_dataset("file_create_date").with_vlen_strings(&[UNKNOWN_START]);
    for name in ["acquisition", "analysis", "processing"] {
        let group = file.create_group(name).finish();
        file.add_group(group);
    }
    let mut general = file.create_group("general");
    general
        .create_dataset("source_script")
        .with_vlen_strings(&[&format!("neuropil {}", version())])
        .with_shape(&[])
        .set_attr("file_name", text("neuropil"));
    file.add_group(general.finish());
    let mut stimulus = file.create_group("stimulus");
    for name in ["presentation", "templates"] {
        let group = stimulus.create_group(name).finish();
        stimulus.add_group(group);
    }
    file.add_group(stimulus.finish());
    let mut units = file.create_group("units");
    units_table(&mut units, spikes, &timeline, &names);
    file.add_group(units.finish());
    if spikes.trials.len() > 1 {
        let mut intervals = file.create_group("intervals");
        let mut trials = intervals.create_group("trials");
        trials_table(&mut trials, &timeline, &names);
        intervals.add_group(trials.finish());
        file.add_group(intervals.finish());
    }
    let mut bytes = file.finish().map_err(|error| failed(format!("HDF5: {error}")))?;
    for column in ["spike_times", "obs_intervals"] {
        point(&mut bytes, &format!("{column}_index"), column)
            .ok_or_else(|| failed(format!("HDF5: the index of {column} was not linked")))?;
    }
    write_atomically(path, overwrite, |out| out.write_all(&bytes))?;
    Ok(())
}

fn text(value: &str) -> AttrValue {
    AttrValue::VarLenString(value.to_owned())
}

/// Begin and end of every trial on one clock.
struct Timeline {
    starts: Vec<f64>,
    stops: Vec<f64>,
}

impl Timeline {
    /// A single trial keeps its times; several begin one after the other.
    fn new(spikes: &SpikeTrains) -> Self {
        let mut clock = if let [only] = spikes.trials.as_slice() { only.t_start } else { 0.0 };
        let (mut starts, mut stops) = (Vec::new(), Vec::new());
        for trial in &spikes.trials {
            starts.push(clock);
            clock = if spikes.trials.len() == 1 { trial.t_stop } else { clock + trial.duration() };
            stops.push(clock);
        }
        Self { starts, stops }
    }

    fn whole(&self) -> [f64; 2] {
        [self.starts.first().copied().unwrap_or(0.0), self.stops.last().copied().unwrap_or(0.0)]
    }

    /// Spike times of a neuron in all trials.
    fn train(&self, spikes: &SpikeTrains, neuron: usize) -> Vec<f64> {
        let single = spikes.trials.len() == 1;
        let trials = spikes.trials.iter().zip(&self.starts);
        trials
            .flat_map(|(trial, start)| {
                trial.train(neuron).iter().map(move |time| if single { *time } else { start + (time - trial.t_start) })
            })
            .collect()
    }
}

/// The object identifiers of NWB, made from what the file holds.
struct Identifiers {
    content: Fingerprint,
}

impl Identifiers {
    fn of(spikes: &SpikeTrains, timeline: &Timeline) -> Self {
        let mut print = Fingerprint::new().numbers(&timeline.starts).numbers(&timeline.stops);
        for trial in &spikes.trials {
            let (times, offsets) = trial.ragged();
            print = offsets.iter().fold(print.numbers(times), |print, &offset| print.word(offset as u64));
        }
        Self { content: print }
    }

    /// A UUID (version 4) for the object at a place.
    fn of_place(&self, place: &str) -> String {
        let print = self.content.text(place);
        let (high, low) = (print.word(0).value(), print.word(1).value());
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xfff,
            ((low >> 48) & 0x3fff) | 0x8000,
            low & 0xffff_ffff_ffff
        )
    }

    fn describe(&self, mut set: impl FnMut(&str, AttrValue), place: &str, namespace: &str, kind: &str) {
        set("namespace", text(namespace));
        set("neurodata_type", text(kind));
        set("object_id", text(&self.of_place(place)));
    }

    fn column(&self, data: &mut DatasetBuilder, place: &str, kind: &str, description: &str) {
        self.describe(|name, value| _ = data.set_attr(name, value), place, "hdmf-common", kind);
        if !description.is_empty() {
            data.set_attr("description", text(description));
        }
    }

    fn table(&self, group: &mut GroupBuilder, place: &str, kind: &str, description: &str, columns: &[&str]) {
        self.describe(|name, value| group.set_attr(name, value), place, "core", kind);
        group.set_attr("description", text(description));
        let columns = columns.iter().map(|&column| column.to_owned()).collect();
        group.set_attr("colnames", AttrValue::VarLenStringArray(columns));
    }
}

fn units_table(units: &mut GroupBuilder, spikes: &SpikeTrains, timeline: &Timeline, names: &Identifiers) {
    let n = spikes.n_neurons();
    let ids: Option<Vec<i64>> = spikes.neurons.iter().map(|name| name.parse().ok()).collect();
    let mut columns = vec!["spike_times", "obs_intervals"];
    let named = ids.is_none();
    columns.extend(named.then_some("unit_name"));
    columns.extend(spikes.populations.is_some().then_some("population"));
    names.table(units, "units", "Units", "recorded or simulated neurons", &columns);
    let ids = ids.unwrap_or_else(|| (0..n as i64).collect());
    names.column(units.create_dataset("id").with_i64_data(&ids), "units/id", "ElementIdentifiers", "");
    let mut times = Vec::with_capacity(spikes.n_spikes());
    let mut ends = Vec::with_capacity(n);
    for neuron in 0..n {
        times.extend(timeline.train(spikes, neuron));
        ends.push(times.len() as u64);
    }
    ragged(units, "spike_times", "time of every spike, s", &ends, names, |data| {
        data.with_f64_data(&times);
    });
    let observed: Vec<f64> = (0..n).flat_map(|_| timeline.whole()).collect();
    let observed_ends: Vec<u64> = (1..=n as u64).collect();
    ragged(units, "obs_intervals", "when the neuron was recorded, s", &observed_ends, names, |data| {
        data.with_f64_data(&observed).with_shape(&[n as u64, 2]);
    });
    let mut words = |column: &str, description: &str, values: &[String]| {
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        let place = format!("units/{column}");
        names.column(units.create_dataset(column).with_vlen_strings(&values), &place, "VectorData", description);
    };
    if named {
        words("unit_name", "name of the neuron", &spikes.neurons);
    }
    if let Some(populations) = &spikes.populations {
        words("population", "population of the neuron", populations);
    }
}

/// A column with several values per row, and its index.
fn ragged(
    group: &mut GroupBuilder,
    column: &str,
    description: &str,
    ends: &[u64],
    names: &Identifiers,
    fill: impl FnOnce(&mut DatasetBuilder),
) {
    let data = group.create_dataset(column);
    fill(data);
    names.column(data, &format!("units/{column}"), "VectorData", description);
    let index = format!("{column}_index");
    let data = group.create_dataset(&index).with_u64_data(ends).set_attr("target", placeholder());
    names.column(data, &format!("units/{index}"), "VectorIndex", &format!("end of every row in {column}"));
}

fn trials_table(trials: &mut GroupBuilder, timeline: &Timeline, names: &Identifiers) {
    let place = "intervals/trials";
    names.table(trials, place, "TimeIntervals", "trials", &["start_time", "stop_time"]);
    let ids: Vec<i64> = (0..timeline.starts.len() as i64).collect();
    names.column(trials.create_dataset("id").with_i64_data(&ids), "intervals/trials/id", "ElementIdentifiers", "");
    for (column, values) in [("start_time", &timeline.starts), ("stop_time", &timeline.stops)] {
        let place = format!("intervals/trials/{column}");
        let data = trials.create_dataset(column).with_f64_data(values);
        names.column(data, &place, "VectorData", &format!("{} of the trial, s", column.replace("_time", "")));
    }
}
