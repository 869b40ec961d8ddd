//! Files as numpy, pandas and people write them.

use std::path::{Path, PathBuf};

use ndarray::{Array, IxDyn, array};
use neuropil_data::{Content, DataError, Npz, Overwrite, arrays, columns, inspect, read, series};
use proptest::prelude::*;

const NONE: [&str; 0] = [];

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/files").join(name)
}

/// The numbers 0..12 in three rows.
fn counting() -> Array<f64, IxDyn> {
    Array::from_iter((0..12).map(f64::from)).into_shape_with_order(IxDyn(&[3, 4])).unwrap()
}

#[test]
fn every_type_of_number_that_numpy_saves_is_read() {
    let read = arrays::read_npz(&file("types.npz")).unwrap();
    assert_eq!(read.len(), 19);
    for array in read {
        let expected = if array.dtype == "bool" { counting().mapv(|v| f64::from(v != 0.0)) } else { counting() };
        assert_eq!(array.values, expected, "{}", array.name);
        assert!(array.name.starts_with(&array.dtype), "{} is {}", array.name, array.dtype);
    }
}

#[test]
fn fortran_order_scalars_and_later_versions_are_read() {
    assert_eq!(arrays::read_npy(&file("fortran.npy")).unwrap(), counting());
    assert_eq!(arrays::read_npy(&file("version2.npy")).unwrap(), counting());
    assert_eq!(arrays::read_npy(&file("scalar.npy")).unwrap(), array![2.5].remove_axis(ndarray::Axis(0)).into_dyn());
    assert_eq!(arrays::read_npy(&file("empty.npy")).unwrap().shape(), [0, 3]);
}

#[test]
fn what_numpy_saves_without_numbers_is_refused_by_name() {
    let error = arrays::read_npz(&file("mixed.npz")).unwrap_err().to_string();
    assert!(error.contains("array \"label\": values of type <U1 are not read; text belongs in a csv file"), "{error}");
    assert_eq!(arrays::read_array(&file("mixed.npz"), Some("y")).unwrap()[0], 1.0);
    let error = arrays::read_npy(&file("large_integers.npy")).unwrap_err().to_string();
    assert!(error.contains("value 1 is a whole number above 2^53"), "{error}");
}

#[test]
fn arrays_are_chosen_by_name_and_a_wrong_name_lists_the_others() {
    let error = arrays::read_array(&file("trials.npz"), None).unwrap_err().to_string();
    assert!(error.ends_with(r#"holds 3 arrays: "x", "y", "short"; choose one by name"#), "{error}");
    let error = arrays::read_array(&file("trials.npz"), Some("shot")).unwrap_err().to_string();
    assert!(error.contains(r#"no array "shot"; did you mean "short"?"#), "{error}");
    assert!(arrays::read_array(&file("series.npy"), Some("x")).is_err());
    assert!(arrays::read_array(&file("savetxt.txt"), None).unwrap_err().to_string().contains("table of text"));
    assert_eq!(arrays::npz_names(&file("trials.npz")).unwrap(), ["x", "y", "short"]);
}

#[test]
fn a_series_follows_one_rule_in_every_kind_of_file() {
    let one = series::read_series(&file("series.npy"), &NONE).unwrap();
    assert!(one.dim() == (3, 1) && one[[0, 0]] == 0.5 && one[[1, 0]].is_nan());
    let chosen = series::read_named_series(&file("trials.npz"), &["y", "x"]).unwrap();
    assert_eq!(chosen.values, array![[1.0, 2.0, 1.0], [3.0, 4.0, 2.0], [5.0, 6.0, 3.0]]);
    assert_eq!(chosen.names, ["y_1", "y_2", "x"]);
    let columns = series::read_series(&file("fortran.npy"), &["column_4", "column_1"]).unwrap();
    assert_eq!(columns, array![[3.0, 0.0], [7.0, 4.0], [11.0, 8.0]]);
    let text = series::read_series(&file("savetxt.txt"), &["d", "a"]).unwrap();
    assert_eq!(text, columns);
}

#[test]
fn what_is_no_series_is_refused() {
    for (name, columns, expected) in [
        ("trials.npz", &["x", "short"][..], "array \"short\" has 2 rows, but \"x\" has 3"),
        ("scalar.npy", &[], "has shape []; a series has one axis"),
        ("empty.npy", &[], "holds no observations"),
        ("fortran.npy", &["column_5"], "has no column \"column_5\""),
        ("missing.npy", &[], "does not exist"),
        ("savetxt.txt", &[], "holds 4 numeric columns"),
    ] {
        let error = series::read_series(&file(name), columns).unwrap_err().to_string();
        assert!(error.contains(expected), "{name}: {error}");
    }
}

#[test]
fn a_summary_names_what_is_there_and_what_is_not_read() {
    let summary = inspect(&file("mixed.npz")).unwrap();
    let y = summary.arrays[0].values.unwrap();
    assert_eq!((y.min, y.max, y.n_missing, y.n_infinite), (Some(1.0), Some(1.0), 1, 1));
    let text = summary.to_string();
    assert!(text.contains("float64 (3)") && text.contains("not read: text belongs in a csv file"), "{text}");
    let json = serde_json::to_value(inspect(&file("savetxt.txt")).unwrap()).unwrap();
    assert_eq!(json["kind"], "table");
    assert_eq!(json["table"]["names_from"], "comment");
    assert_eq!(json["table"]["columns"][3]["values"]["max"], 11.0);
    assert!(inspect(&file("savetxt.txt")).unwrap().to_string().contains("3 rows x 4 columns, separated by blanks"));
    assert!(inspect(&file("")).is_err());
}

#[test]
fn what_is_written_is_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let (npy, npz) = (folder.path().join("a.npy"), folder.path().join("a.npz"));
    let transposed = counting().reversed_axes();
    arrays::write_npy(&npy, &transposed.view(), Overwrite::Refuse).unwrap();
    assert_eq!(arrays::read_npy(&npy).unwrap(), transposed);
    assert_eq!(std::fs::read(&npy).unwrap().len(), 128 + 12 * 8);
    let (flags, counts) = (array![true, false], array![-3_i64, 4]);
    let write = |overwrite| {
        Npz::new()
            .array("x", transposed.view())
            .array("flags", flags.view().into_dyn())
            .array("counts", counts.view().into_dyn())
            .write(&npz, overwrite)
    };
    write(Overwrite::Refuse).unwrap();
    assert!(matches!(write(Overwrite::Refuse), Err(DataError::Write(_))));
    let Content::Arrays(read) = read(&npz).unwrap() else { panic!("an npz file holds arrays") };
    assert_eq!(read[0].values, transposed);
    assert_eq!((read[1].dtype.as_str(), read[1].values.clone()), ("bool", array![1.0, 0.0].into_dyn()));
    assert_eq!((read[2].dtype.as_str(), read[2].values.clone()), ("int64", array![-3.0, 4.0].into_dyn()));
    let bytes = std::fs::read(&npz).unwrap();
    write(Overwrite::Replace).unwrap();
    assert_eq!(std::fs::read(&npz).unwrap(), bytes, "the same content gives the same bytes");
    for name in ["", "a/b", "x"] {
        let twice = [("x", transposed.view()), (name, transposed.view())];
        assert!(arrays::write_npz(&npz, &twice, Overwrite::Replace).is_err());
    }
}

#[test]
fn a_file_that_was_cut_off_says_so() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["fortran.npy", "types.npz", "mixed.npz"] {
        let whole = std::fs::read(file(name)).unwrap();
        let path = folder.path().join(name);
        for kept in [whole.len() - 1, whole.len() / 2, 100, 11, 9, 7, 4, 0] {
            std::fs::write(&path, &whole[..kept]).unwrap();
            assert!(read(&path).is_err() && inspect(&path).is_err(), "{name} cut to {kept} bytes");
        }
    }
    let path = folder.path().join("claim.npy");
    let mut bytes = std::fs::read(file("fortran.npy")).unwrap();
    let at = bytes.windows(6).position(|w| w == b"(3, 4)").unwrap();
    bytes.splice(at..at + 6, *b"(3999999999, 40)");
    bytes.drain(at + 20..at + 30);
    std::fs::write(&path, &bytes).unwrap();
    let error = read(&path).unwrap_err().to_string();
    assert!(error.contains("it was cut off"), "{error}");
}

#[test]
fn an_archive_that_claims_to_unpack_without_measure_is_refused() {
    let mut bytes = std::fs::read(file("mixed.npz")).unwrap();
    // The uncompressed size stands 24 bytes into an entry of the central directory.
    let at = bytes.windows(4).position(|w| w == b"PK\x01\x02").unwrap() + 24;
    bytes[at..at + 4].copy_from_slice(&0xf000_0000_u32.to_le_bytes());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bomb.npz");
    std::fs::write(&path, &bytes).unwrap();
    let error = read(&path).unwrap_err().to_string();
    assert!(error.contains("array \"y\" claims to unpack from") && error.contains("numpy.savez"), "{error}");
}

/// Every reader on the same bytes; the results do not matter, only that there is one.
fn read_with_everything(bytes: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fuzz");
    std::fs::write(&path, bytes).unwrap();
    let _ = read(&path);
    let _ = inspect(&path).map(|summary| summary.to_string());
    let _ = series::read_series(&path, &NONE);
    let _ = arrays::read_npy(&path);
    let _ = arrays::read_npz(&path);
    let _ = columns::read_csv(&path).map(|table| table.default_column().map(|name| table.numbers(name).is_ok()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        read_with_everything(&bytes);
    }

    #[test]
    fn no_text_makes_a_reader_panic(text in "[-0-9a-z,;\\t \"#\\r\\n.é]{0,200}") {
        read_with_everything(text.as_bytes());
    }

    #[test]
    fn no_damage_to_a_good_file_makes_a_reader_panic(
        which in 0..4_usize, damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let name = ["fortran.npy", "mixed.npz", "trials.npz", "version2.npy"][which];
        let mut bytes = std::fs::read(file(name)).unwrap();
        for (index, byte) in damage {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        read_with_everything(&bytes);
    }
}
