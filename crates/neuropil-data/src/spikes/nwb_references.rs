//! Object references in attributes, which the HDF5 writer does not offer and the index of a ragged NWB column needs.
//!
//! The writer stores a text of eight bytes where the reference belongs ([`placeholder`]). A text and an object reference
//! are described in the same number of bytes, so that [`point`] can put the reference there in the finished file and
//! renew the checksum of the object header around it.

use hdf5_pure::AttrValue;

/// What stands where a reference will be.
const TEXT: &[u8; 8] = b"@target@";
/// Name of the attribute, as it lies in the file.
const NAME: &[u8; 7] = b"target\0";

/// The value of the attribute `target` until [`point`] is called.
pub(super) fn placeholder() -> AttrValue {
    AttrValue::AsciiString(String::from_utf8_lossy(TEXT).into_owned())
}

/// Makes the attribute `target` of one dataset a reference to another. Both are found by their names, which must be
/// used once in the file. `None` if the file is not laid out as expected.
pub(super) fn point(file: &mut [u8], from: &str, to: &str) -> Option<()> {
    let (start, target) = (object_header(file, from)?, object_header(file, to)?);
    let length = header_length(&file[start..])?;
    let header = file.get_mut(start..start + length + 4)?;
    let (body, checksum) = header.split_at_mut(length);
    if checksum != lookup3(body).to_le_bytes() {
        return None;
    }
    let name = find(body, NAME)?;
    // Before the name: version, flags, sizes of name, datatype and dataspace (2 bytes each); in version 3 a character set.
    let size_at = |place: usize| Some(usize::from(u16::from_le_bytes(body.get(place..place + 2)?.try_into().ok()?)));
    let start_of_message = match (body.get(name.checked_sub(8)?)?, body.get(name.checked_sub(9)?)?) {
        (2, _) => name - 8,
        (_, 3) => name - 9,
        _ => return None,
    };
    if size_at(start_of_message + 2)? != NAME.len() || size_at(start_of_message + 4)? != 8 {
        return None;
    }
    let dataspace = size_at(start_of_message + 6)?;
    let datatype = name + NAME.len();
    let data = datatype + 8 + dataspace;
    if body.get(data..data + 8)? != TEXT {
        return None;
    }
    // Version 1, class 7 (reference), object reference, 8 bytes.
    body[datatype..datatype + 8].copy_from_slice(&[0x17, 0, 0, 0, 8, 0, 0, 0]);
    body[data..data + 8].copy_from_slice(&(target as u64).to_le_bytes());
    checksum.copy_from_slice(&lookup3(body).to_le_bytes());
    Some(())
}

/// Where the object header begins to which a link of this name leads: its length, the name, the address.
fn object_header(file: &[u8], name: &str) -> Option<usize> {
    let mut link = vec![u8::try_from(name.len()).ok()?];
    link.extend_from_slice(name.as_bytes());
    let mut from = 0;
    while let Some(found) = find(&file[from..], &link) {
        let end = from + found + link.len();
        let address = u64::from_le_bytes(file.get(end..end + 8)?.try_into().ok()?);
        let start = usize::try_from(address).ok();
        if let Some(start) = start.filter(|&start| file.get(start..start.saturating_add(4)) == Some(b"OHDR".as_slice()))
        {
            return Some(start);
        }
        from = end;
    }
    None
}

/// Bytes of a version 2 object header before its checksum.
fn header_length(header: &[u8]) -> Option<usize> {
    let flags = *header.get(5)?;
    let mut place = 6;
    if flags & 0x20 != 0 {
        place += 16;
    }
    if flags & 0x10 != 0 {
        place += 4;
    }
    let width = 1 << (flags & 3);
    let size =
        header.get(place..place + width)?.iter().rev().fold(0_usize, |size, &byte| (size << 8) | usize::from(byte));
    (header.get(4) == Some(&2)).then_some(place + width + size)
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

/// The checksum of HDF5's metadata: the hash lookup3 of Bob Jenkins (2006, public domain).
fn lookup3(bytes: &[u8]) -> u32 {
    let start = 0xdead_beef_u32.wrapping_add(bytes.len() as u32);
    let (mut a, mut b, mut c) = (start, start, start);
    let word = |bytes: &[u8]| bytes.iter().rev().fold(0_u32, |word, &byte| (word << 8) | u32::from(byte));
    let mut rest = bytes;
    while rest.len() > 12 {
        a = a.wrapping_add(word(&rest[..4]));
        b = b.wrapping_add(word(&rest[4..8]));
        c = c.wrapping_add(word(&rest[8..12]));
        for (x, y, z, turn) in [(0, 1, 2, 4), (1, 2, 0, 6), (2, 0, 1, 8), (0, 1, 2, 16), (1, 2, 0, 19), (2, 0, 1, 4)] {
            let mut state = [a, b, c];
            state[x] = state[x].wrapping_sub(state[z]) ^ state[z].rotate_left(turn);
            state[z] = state[z].wrapping_add(state[y]);
            [a, b, c] = state;
        }
        rest = &rest[12..];
    }
    if rest.is_empty() {
        return c;
    }
    let part = |from: usize| word(&rest[from.min(rest.len())..(from + 4).min(rest.len())]);
    a = a.wrapping_add(part(0));
    b = b.wrapping_add(part(4));
    c = c.wrapping_add(part(8));
    for (x, y, turn) in [(2, 1, 14), (0, 2, 11), (1, 0, 25), (2, 1, 16), (0, 2, 4), (1, 0, 14), (2, 1, 24)] {
        let mut state = [a, b, c];
        state[x] = (state[x] ^ state[y]).wrapping_sub(state[y].rotate_left(turn));
        [a, b, c] = state;
    }
    c
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_its_author() {
        assert_eq!(lookup3(b""), 0xdead_beef);
        assert_eq!(lookup3(b"Four score and seven years ago"), 0x1777_0551);
    }

    #[test]
    fn a_reference_leads_to_its_target() {
        let mut file = hdf5_pure::FileBuilder::new();
        let mut group = file.create_group("units");
        group.create_dataset("times").with_f64_data(&[1.0, 2.0]);
        group.create_dataset("times_index").with_u64_data(&[2]).set_attr("target", placeholder());
        file.add_group(group.finish());
        let mut bytes = file.finish().unwrap();
        point(&mut bytes, "times_index", "times").unwrap();
        assert!(point(&mut bytes, "times_index", "times").is_none(), "it is a reference already");
        assert!(point(&mut bytes, "times", "nothing").is_none());
        let file = hdf5_pure::File::from_bytes(bytes).unwrap();
        assert_eq!(file.dataset("units/times_index").unwrap().read_u64().unwrap(), [2]);
    }
}
