//! What can be drawn in a panel.

use super::colour::{Colour, ColourMap, ColourScale};
use crate::number;
use serde::{Deserialize, Serialize};

/// The dash pattern of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stroke {
    /// Unbroken.
    Solid,
    /// Long dashes.
    Dashed,
    /// Dots.
    Dotted,
    /// Dash, dot, dash.
    DashDot,
    /// Very long dashes.
    LongDash,
}

impl Stroke {
    pub(crate) const CYCLE: [Stroke; 5] =
        [Stroke::Solid, Stroke::Dashed, Stroke::Dotted, Stroke::DashDot, Stroke::LongDash];

    /// Lengths of dashes and gaps in turn, in pixels.
    pub(crate) fn pattern(self) -> &'static [f64] {
        match self {
            Stroke::Solid => &[],
            Stroke::Dashed => &[7.0, 3.0],
            Stroke::Dotted => &[2.0, 2.5],
            Stroke::DashDot => &[8.0, 2.5, 2.0, 2.5],
            Stroke::LongDash => &[14.0, 4.0],
        }
    }
}

/// The shape of a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the shapes")]
pub enum Marker {
    Circle,
    Square,
    Triangle,
    Diamond,
    Cross,
    Plus,
    DownTriangle,
}

impl Marker {
    pub(crate) const CYCLE: [Marker; 7] = [
        Marker::Circle,
        Marker::Square,
        Marker::Triangle,
        Marker::Diamond,
        Marker::Cross,
        Marker::Plus,
        Marker::DownTriangle,
    ];
}

/// How a mark looks where it differs from what its series gets by turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Style {
    pub colour: Option<Colour>,
    pub stroke: Option<Stroke>,
    pub marker: Option<Marker>,
    /// Line width or marker radius in pixels.
    pub size: Option<f64>,
}

/// The geometry of a mark, in the units of the axes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Shape {
    Line {
        #[serde(with = "number::many")]
        x: Vec<f64>,
        #[serde(with = "number::many")]
        y: Vec<f64>,
    },
    /// Horizontal from each point to the next x, then vertical.
    Step {
        #[serde(with = "number::many")]
        x: Vec<f64>,
        #[serde(with = "number::many")]
        y: Vec<f64>,
    },
    Points {
        #[serde(with = "number::many")]
        x: Vec<f64>,
        #[serde(with = "number::many")]
        y: Vec<f64>,
    },
    Band {
        #[serde(with = "number::many")]
        x: Vec<f64>,
        #[serde(with = "number::many")]
        lo: Vec<f64>,
        #[serde(with = "number::many")]
        hi: Vec<f64>,
    },
    ErrorBars {
        #[serde(with = "number::many")]
        x: Vec<f64>,
        #[serde(with = "number::many")]
        y: Vec<f64>,
        #[serde(with = "number::many")]
        lo: Vec<f64>,
        #[serde(with = "number::many")]
        hi: Vec<f64>,
    },
    /// `lo` and `hi` are empty where there are no error bars.
    Bars {
        labels: Vec<String>,
        #[serde(with = "number::many")]
        values: Vec<f64>,
        #[serde(with = "number::many")]
        lo: Vec<f64>,
        #[serde(with = "number::many")]
        hi: Vec<f64>,
    },
    VLines {
        #[serde(with = "number::many")]
        at: Vec<f64>,
    },
    HLines {
        #[serde(with = "number::many")]
        at: Vec<f64>,
    },
    HeatMap(HeatMap),
}

/// A named shape; the same name has the same colour in every panel of a figure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Mark {
    pub name: String,
    pub style: Style,
    pub shape: Shape,
}

/// A matrix as colours.
///
/// With row and column labels, row 0 is at the top. With extents the axes are numeric and row 0 is at the bottom, as
/// in any graph. NaN cells stay blank.
///
/// ```
/// use neuropil_report::{ColourScale, HeatMap};
/// let map = HeatMap::new(vec![vec![0.1, 1.0], vec![10.0, f64::NAN]])
///     .rows(["low noise", "high noise"])
///     .columns(["stable", "volatile"])
///     .scale(ColourScale::Log)
///     .colour_label("regret (nats)")
///     .annotate();
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeatMap {
    /// The values, row by row.
    #[serde(with = "number::matrix")]
    pub values: Vec<Vec<f64>>,
    /// One label per row; empty for a numeric y axis.
    pub row_labels: Vec<String>,
    /// One label per column; empty for a numeric x axis.
    pub column_labels: Vec<String>,
    /// The outer edges of the first and last column on a numeric x axis.
    #[serde(with = "number::pair")]
    pub x_extent: Option<(f64, f64)>,
    /// The outer edges of the first and last row on a numeric y axis.
    #[serde(with = "number::pair")]
    pub y_extent: Option<(f64, f64)>,
    /// How values are spread over the colours.
    pub scale: ColourScale,
    /// The colours.
    pub colour_map: ColourMap,
    /// The values at the two ends of the colour bar; by default the extremes of the data.
    #[serde(with = "number::pair")]
    pub range: Option<(f64, f64)>,
    /// What the colour means, with its unit.
    pub colour_label: String,
    /// Whether the value is written into each cell.
    pub annotated: bool,
}

impl HeatMap {
    /// A heat map of a matrix given row by row; rows may differ in length.
    pub fn new(values: Vec<Vec<f64>>) -> Self {
        HeatMap {
            values,
            row_labels: Vec::new(),
            column_labels: Vec::new(),
            x_extent: None,
            y_extent: None,
            scale: ColourScale::Linear,
            colour_map: ColourMap::Viridis,
            range: None,
            colour_label: String::new(),
            annotated: false,
        }
    }

    /// Labels the rows, from the top.
    pub fn rows<T: Into<String>>(mut self, labels: impl IntoIterator<Item = T>) -> Self {
        self.row_labels = labels.into_iter().map(Into::into).collect();
        self
    }

    /// Labels the columns, from the left.
    pub fn columns<T: Into<String>>(mut self, labels: impl IntoIterator<Item = T>) -> Self {
        self.column_labels = labels.into_iter().map(Into::into).collect();
        self
    }

    /// Puts the columns on a numeric x axis between two outer edges.
    pub fn x_extent(mut self, lo: f64, hi: f64) -> Self {
        self.x_extent = Some((lo, hi));
        self
    }

    /// Puts the rows on a numeric y axis between two outer edges, row 0 at the bottom.
    pub fn y_extent(mut self, lo: f64, hi: f64) -> Self {
        self.y_extent = Some((lo, hi));
        self
    }

    /// How values are spread over the colours.
    pub fn scale(mut self, scale: ColourScale) -> Self {
        self.scale = scale;
        self
    }

    /// The colours.
    pub fn colour_map(mut self, map: ColourMap) -> Self {
        self.colour_map = map;
        self
    }

    /// The values at the two ends of the colour bar.
    pub fn range(mut self, lo: f64, hi: f64) -> Self {
        self.range = Some((lo, hi));
        self
    }

    /// What the colour means, with its unit.
    pub fn colour_label(mut self, label: impl Into<String>) -> Self {
        self.colour_label = label.into();
        self
    }

    /// Writes the value into each cell.
    pub fn annotate(mut self) -> Self {
        self.annotated = true;
        self
    }

    pub(crate) fn n_columns(&self) -> usize {
        self.values.iter().map(Vec::len).max().unwrap_or(0)
    }

    /// The lowest and highest value that the colours span.
    pub(crate) fn colour_range(&self) -> (f64, f64) {
        let placed = |value: &&f64| self.scale.warp(**value).is_finite();
        let (lo, hi) = self.range.unwrap_or_else(|| {
            self.values
                .iter()
                .flatten()
                .filter(placed)
                .fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), &value| (lo.min(value), hi.max(value)))
        });
        match (lo.is_finite() && hi.is_finite(), lo < hi) {
            (true, true) => (lo, hi),
            (true, false) if lo != 0.0 => (lo - 0.5 * lo.abs(), lo + 0.5 * lo.abs()),
            _ if self.scale == ColourScale::Log => (1.0, 10.0),
            _ => (0.0, 1.0),
        }
    }
}
