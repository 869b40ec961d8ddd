//! How a table of text is written: its delimiter, its comments, where its names are.

use serde::Serialize;

/// How many lines decide on the delimiter.
const SAMPLE: usize = 50;

/// What separates the fields of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Delimiter {
    /// `,`
    Comma,
    /// `;`
    Semicolon,
    /// A tab.
    Tab,
    /// Any number of blanks.
    Space,
}

/// Where the names of the columns come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Names {
    /// The first row.
    Header,
    /// The last comment before the first row, as `numpy.savetxt(header=...)` writes it.
    Comment,
    /// The file has none: the first row holds numbers only, and the columns are called `column_1`, `column_2`, ...
    Numbered,
}

impl Delimiter {
    /// Decides by the first lines: the delimiter that gives every line the same number of fields, more than one;
    /// failing that, one that the first line has; and a comma if there is none.
    pub(crate) fn detect(text: &str) -> Self {
        let lines: Vec<&str> = content_lines(text).map(|(_, line)| line).take(SAMPLE).collect();
        // A tab or a semicolon is hardly ever anything else, while commas occur inside fields.
        let candidates = [Self::Tab, Self::Semicolon, Self::Comma];
        let fields = |delimiter: Self, line: &str| delimiter.count_fields(line);
        let regular = |delimiter: Self| {
            let expected = lines.first().map_or(1, |line| fields(delimiter, line));
            expected > 1 && lines.iter().all(|line| fields(delimiter, line) == expected)
        };
        let occurs = |delimiter: Self| lines.first().is_some_and(|line| fields(delimiter, line) > 1);
        let found = candidates.into_iter().find(|delimiter| regular(*delimiter));
        let found = found.or_else(|| candidates.into_iter().find(|delimiter| occurs(*delimiter)));
        found.or_else(|| regular(Self::Space).then_some(Self::Space)).unwrap_or(Self::Comma)
    }

    fn count_fields(self, line: &str) -> usize {
        let Some(byte) = self.byte() else {
            return line.split_whitespace().count();
        };
        let mut quoted = false;
        let outside = line.bytes().filter(|b| {
            quoted ^= *b == b'"';
            !quoted && *b == byte
        });
        outside.count() + 1
    }

    pub(crate) fn byte(self) -> Option<u8> {
        match self {
            Self::Comma => Some(b','),
            Self::Semicolon => Some(b';'),
            Self::Tab => Some(b'\t'),
            Self::Space => None,
        }
    }

    /// The fields of one line without quotes.
    pub(crate) fn split(self, line: &str) -> Vec<String> {
        match self.byte() {
            None => line.split_whitespace().map(str::to_owned).collect(),
            Some(byte) => line.split(char::from(byte)).map(|field| field.trim().to_owned()).collect(),
        }
    }
}

/// The lines that are neither blank nor a comment, with their number counted from 1.
pub(crate) fn content_lines(text: &str) -> impl Iterator<Item = (u64, &str)> {
    (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'))
}

/// The last comment before the first line of content, without its mark.
pub(crate) fn comment_above(text: &str) -> Option<&str> {
    let above = text.lines().take_while(|line| line.trim().is_empty() || line.starts_with('#'));
    above.filter(|line| line.starts_with('#')).last().map(|line| line.trim_start_matches('#').trim())
}

/// The number that a field holds; NaN for a missing value, `None` for anything else.
///
/// Missing: empty, `NA`, `N/A`, `NaN`, `null`, `None`, in any case. `true` is one and `false` is zero.
pub(crate) fn number(field: &str) -> Option<f64> {
    let field = field.trim();
    if is_missing(field) {
        return Some(f64::NAN);
    }
    match field.parse() {
        Ok(number) => Some(number),
        Err(_) if field.eq_ignore_ascii_case("true") => Some(1.0),
        Err(_) if field.eq_ignore_ascii_case("false") => Some(0.0),
        Err(_) => None,
    }
}

pub(crate) fn is_missing(field: &str) -> bool {
    let field = field.trim();
    field.is_empty() || ["na", "n/a", "nan", "-nan", "null", "none"].iter().any(|word| field.eq_ignore_ascii_case(word))
}

/// Whether a first row holds data: numbers and missing values only, and at least one number.
pub(crate) fn is_data<'a>(mut fields: impl Iterator<Item = &'a str> + Clone) -> bool {
    let has_number = fields.clone().any(|field| !is_missing(field));
    has_number && fields.all(|field| number(field).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delimiter_is_the_one_that_makes_rows_equal() {
        for (text, expected) in [
            ("a,b\n1,2\n", Delimiter::Comma),
            ("a;b\n1,5;2,5\n", Delimiter::Semicolon),
            ("a\tb, c\n1\t2\n", Delimiter::Tab),
            ("# x; y; z\na b   c\n1 2 3\n", Delimiter::Space),
            ("reaction time\n0.3\n0.4\n", Delimiter::Comma),
            ("y\n1\n", Delimiter::Comma),
            ("\"a;b\",c\n1,2\n", Delimiter::Comma),
            ("a,b\n1,2\n3\n", Delimiter::Comma),
            ("", Delimiter::Comma),
        ] {
            assert_eq!(Delimiter::detect(text), expected, "{text:?}");
        }
    }

    #[test]
    fn fields_are_numbers_missing_or_neither() {
        for (field, expected) in [("1", 1.0), (" -2.5e3 ", -2500.0), (".5", 0.5), ("True", 1.0), ("inf", f64::INFINITY)]
        {
            assert_eq!(number(field), Some(expected));
        }
        for field in ["", "  ", "NA", "n/a", "NaN", "null", "-nan"] {
            assert!(number(field).is_some_and(f64::is_nan), "{field:?}");
        }
        for field in ["x", "1,5", "1 2", "--", "0x10", "1e", "12%"] {
            assert_eq!(number(field), None, "{field:?}");
        }
    }
}
