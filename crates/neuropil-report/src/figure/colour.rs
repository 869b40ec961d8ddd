//! Colours that stay apart for colour-blind readers and in grey, and the scales of heat maps.

use kuva::plot::ColorMap;
use kuva::render::color::Color;
use kuva::render::render_utils::generate_ticks;
use serde::{Deserialize, Serialize};

/// The text of a figure, and its axes. In the SVG this colour becomes `currentColor`.
pub(crate) const INK: Color = Color::Rgb(0x1b, 0x1e, 0x23);
/// Lines that only guide the eye.
pub(crate) const GRID: Color = Color::Rgb(0xe4, 0xe6, 0xe9);
/// The sheet.
pub(crate) const PAPER: Color = Color::Rgb(0xff, 0xff, 0xff);

/// A colour of the Okabe-Ito palette, without its yellow, which vanishes on white.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Colour {
    /// #0072B2
    Blue,
    /// #D55E00
    Vermillion,
    /// #009E73
    Green,
    /// #CC79A7
    Purple,
    /// #E69F00
    Orange,
    /// #56B4E9
    Sky,
    /// The colour of the text: dark on light paper, light on dark paper.
    Ink,
    /// A grey that reads on light and on dark paper.
    Grey,
}

impl Colour {
    /// The order in which series take their colours.
    pub(crate) const CYCLE: [Colour; 7] =
        [Colour::Blue, Colour::Vermillion, Colour::Green, Colour::Purple, Colour::Orange, Colour::Sky, Colour::Ink];

    pub(crate) fn paint(self) -> Color {
        match self {
            Colour::Blue => Color::Rgb(0x00, 0x72, 0xb2),
            Colour::Vermillion => Color::Rgb(0xd5, 0x5e, 0x00),
            Colour::Green => Color::Rgb(0x00, 0x9e, 0x73),
            Colour::Purple => Color::Rgb(0xcc, 0x79, 0xa7),
            Colour::Orange => Color::Rgb(0xe6, 0x9f, 0x00),
            Colour::Sky => Color::Rgb(0x56, 0xb4, 0xe9),
            Colour::Ink => INK,
            Colour::Grey => Color::Rgb(0x80, 0x86, 0x8f),
        }
    }
}

/// The colour map of a heat map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColourMap {
    /// Dark blue over green to yellow, even in lightness.
    #[default]
    Viridis,
    /// Blue to yellow, the same for most colour-blind readers as for others.
    Cividis,
    /// White to black.
    Grey,
    /// Orange over white to purple; for values with a meaningful middle.
    Diverging,
}

impl ColourMap {
    /// The colour of `position` in [0, 1].
    pub(crate) fn rgb(self, position: f64) -> (u8, u8, u8) {
        let position = position.clamp(0.0, 1.0);
        let map = match self {
            ColourMap::Viridis => ColorMap::Viridis,
            ColourMap::Cividis => ColorMap::Cividis,
            ColourMap::Grey => ColorMap::Grayscale,
            ColourMap::Diverging => ColorMap::PurpleOrange,
        };
        map.map_rgb(position).unwrap_or((128, 128, 128))
    }
}

/// Black or white, whichever reads better on `rgb` (relative luminance of WCAG 2).
pub(crate) fn legible_on((r, g, b): (u8, u8, u8)) -> Color {
    let linear = |channel: u8| {
        let c = f64::from(channel) / 255.0;
        if c <= 0.040_45 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
    };
    let luminance = 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
    // the two contrasts are equal at sqrt(1.05 * 0.05) - 0.05
    if luminance > 0.179 { Color::Rgb(0, 0, 0) } else { Color::Rgb(255, 255, 255) }
}

/// How values are spread over the colour map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColourScale {
    /// Evenly.
    #[default]
    Linear,
    /// By the logarithm; values that are not positive are left blank.
    Log,
    /// By `sign(v) log10(1 + |v| / threshold)`: linear within the threshold, logarithmic beyond, for both signs.
    SymLog(f64),
}

impl ColourScale {
    /// The position of a value on the scale's own axis; NaN where the scale has no place for it.
    pub(crate) fn warp(self, value: f64) -> f64 {
        match self {
            ColourScale::Linear => value,
            ColourScale::Log if value > 0.0 => value.log10(),
            ColourScale::Log => f64::NAN,
            ColourScale::SymLog(threshold) => {
                value.signum() * (1.0 + value.abs() / threshold.abs().max(f64::MIN_POSITIVE)).log10()
            }
        }
    }

    /// Round values between `lo` and `hi` at which the colour bar is labelled.
    pub(crate) fn ticks(self, lo: f64, hi: f64) -> Vec<f64> {
        match self {
            ColourScale::Linear => generate_ticks(lo, hi, 5),
            ColourScale::Log => decades(lo, hi),
            ColourScale::SymLog(threshold) => {
                let floor = threshold.abs();
                let mut ticks: Vec<f64> = Vec::new();
                if lo < 0.0 {
                    ticks.extend(decades(floor.max(-hi), -lo).into_iter().rev().map(|tick| -tick));
                }
                if lo <= 0.0 && hi >= 0.0 {
                    ticks.push(0.0);
                }
                if hi > 0.0 {
                    ticks.extend(decades(floor.max(lo), hi));
                }
                ticks
            }
        }
    }
}

/// At most about six powers of ten (or 1, 2 and 5 times them over a short range) between two positive values.
pub(crate) fn decades(lo: f64, hi: f64) -> Vec<f64> {
    if !(lo > 0.0 && hi >= lo && hi.is_finite()) {
        return Vec::new();
    }
    let (first, last) = (lo.log10().floor() as i32, hi.log10().ceil() as i32);
    let span = hi.log10() - lo.log10();
    let every = (span / 6.0).ceil().max(1.0) as i32;
    let steps: &[f64] = if span < 2.5 { &[1.0, 2.0, 5.0] } else { &[1.0] };
    (first..=last)
        .filter(|exponent| exponent.rem_euclid(every) == 0)
        .flat_map(|exponent| steps.iter().map(move |step| step * 10f64.powi(exponent)))
        .filter(|tick| *tick >= lo * (1.0 - 1e-9) && *tick <= hi * (1.0 + 1e-9))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_symmetric_log_scale_is_odd_and_keeps_zero_in_the_middle() {
        let scale = ColourScale::SymLog(0.1);
        assert_eq!(scale.warp(0.0), 0.0);
        assert_eq!(scale.warp(-3.0), -scale.warp(3.0));
        assert_eq!(
            scale.ticks(-10.0, 1000.0),
            vec![-10.0, -5.0, -2.0, -1.0, -0.5, -0.2, -0.1, 0.0, 0.1, 1.0, 10.0, 100.0, 1000.0]
        );
    }

    #[test]
    fn a_log_scale_has_no_place_for_zero() {
        assert!(ColourScale::Log.warp(0.0).is_nan());
        assert!(ColourScale::Log.warp(f64::NAN).is_nan());
        assert_eq!(ColourScale::Log.ticks(1e-12, 1.0).len(), 7);
    }
}
