//! The numbers behind a figure, as one long table.

use super::Figure;
use super::mark::Shape;
use crate::Table;
use crate::table::Cell;

impl Figure {
    /// Everything that is plotted, one row per point: the panel (counted from 1), the series, the kind of mark, x, y,
    /// and the lower and upper end of bands and error bars. In a heat map x and y name the column and the row, `value`
    /// is the cell.
    pub fn data(&self) -> Table {
        let mut table = Table::new(&self.id, format!("Data of the figure: {}", self.title));
        for name in ["panel", "x_label", "y_label", "series", "mark", "x", "y", "low", "high", "value"] {
            table = table.column(name, "");
        }
        for (index, panel) in self.panels.iter().enumerate() {
            let mut add = |series: &str, mark: &str, [x, y, low, high, value]: [Cell; 5]| {
                let head = [
                    Cell::from(index + 1),
                    panel.x.label.as_str().into(),
                    panel.y.label.as_str().into(),
                    series.into(),
                    mark.into(),
                ];
                table.push(head.into_iter().chain([x, y, low, high, value]));
            };
            let none = || Cell::Missing;
            for mark in &panel.marks {
                let name = mark.name.as_str();
                match &mark.shape {
                    Shape::Line { x, y } | Shape::Step { x, y } | Shape::Points { x, y } => {
                        let kind = match mark.shape {
                            Shape::Line { .. } => "line",
                            Shape::Step { .. } => "step",
                            _ => "points",
                        };
                        for (&x, &y) in x.iter().zip(y) {
                            add(name, kind, [x.into(), y.into(), none(), none(), none()]);
                        }
                    }
                    Shape::Band { x, lo, hi } => {
                        for ((&x, &lo), &hi) in x.iter().zip(lo).zip(hi) {
                            add(name, "band", [x.into(), none(), lo.into(), hi.into(), none()]);
                        }
                    }
                    Shape::ErrorBars { x, y, lo, hi } => {
                        for (index, (&x, &y)) in x.iter().zip(y).enumerate() {
                            let (lo, hi) = (lo.get(index).copied(), hi.get(index).copied());
                            add(name, "error_bars", [x.into(), y.into(), lo.into(), hi.into(), none()]);
                        }
                    }
                    Shape::Bars { labels, values, lo, hi } => {
                        for (index, (label, &value)) in labels.iter().zip(values).enumerate() {
                            let (lo, hi) = (lo.get(index).copied(), hi.get(index).copied());
                            add(name, "bars", [label.as_str().into(), value.into(), lo.into(), hi.into(), none()]);
                        }
                    }
                    Shape::VLines { at } => {
                        at.iter().for_each(|&x| add(name, "vline", [x.into(), none(), none(), none(), none()]));
                    }
                    Shape::HLines { at } => {
                        at.iter().for_each(|&y| add(name, "hline", [none(), y.into(), none(), none(), none()]));
                    }
                    Shape::HeatMap(map) => {
                        let (height, width) = (map.values.len() as f64, map.n_columns() as f64);
                        // without a label a cell is named by its middle on the numeric axis
                        let place = |labels: &[String], extent: Option<(f64, f64)>, index: usize, n: f64| match labels
                            .get(index)
                        {
                            Some(label) => Cell::from(label.as_str()),
                            None => {
                                let (lo, hi) = extent.unwrap_or((0.5, n + 0.5));
                                Cell::from(lo + (index as f64 + 0.5) * (hi - lo) / n)
                            }
                        };
                        for (row, values) in map.values.iter().enumerate() {
                            for (column, &value) in values.iter().enumerate() {
                                let x = place(&map.column_labels, map.x_extent, column, width);
                                let y = place(&map.row_labels, map.y_extent, row, height);
                                add(&map.colour_label, "heatmap", [x, y, none(), none(), value.into()]);
                            }
                        }
                    }
                }
            }
        }
        table
    }
}
