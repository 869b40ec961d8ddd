//! Curves in pixels: gaps at NaN, clipping to the axes, thinning of what is finer than a pixel, dashes.

/// A point in pixels.
pub(crate) type Point = (f64, f64);

/// The drawing area of a panel in pixels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Area {
    pub left: f64,
    pub top: f64,
    pub right: f64,
    pub bottom: f64,
}

impl Area {
    pub fn contains(&self, (x, y): Point) -> bool {
        // NaN is nowhere; half a pixel forgives rounding at the edge
        x >= self.left - 0.5 && x <= self.right + 0.5 && y >= self.top - 0.5 && y <= self.bottom + 0.5
    }
}

/// The visible pieces of a polyline: broken at NaN, cut at the edges of the area.
pub(crate) fn clip_line(points: &[Point], area: &Area) -> Vec<Vec<Point>> {
    let mut pieces: Vec<Vec<Point>> = Vec::new();
    let mut current: Vec<Point> = Vec::new();
    for pair in points.windows(2) {
        let Some((from, to)) = clip_segment(pair[0], pair[1], area) else {
            flush(&mut current, &mut pieces);
            continue;
        };
        if current.last() != Some(&from) {
            flush(&mut current, &mut pieces);
            current.push(from);
        }
        current.push(to);
    }
    flush(&mut current, &mut pieces);
    pieces
}

fn flush(current: &mut Vec<Point>, pieces: &mut Vec<Vec<Point>>) {
    if !current.is_empty() {
        pieces.push(std::mem::take(current));
    }
}

/// The part of a segment within the area (Liang and Barsky's method); None if there is none or an end is NaN.
fn clip_segment(from: Point, to: Point, area: &Area) -> Option<(Point, Point)> {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    if !(dx.is_finite() && dy.is_finite()) {
        return None;
    }
    let (mut enter, mut leave) = (0.0f64, 1.0f64);
    let sides =
        [(-dx, from.0 - area.left), (dx, area.right - from.0), (-dy, from.1 - area.top), (dy, area.bottom - from.1)];
    for (speed, distance) in sides {
        if speed == 0.0 {
            if distance < 0.0 {
                return None;
            }
        } else {
            let at = distance / speed;
            if speed < 0.0 { enter = enter.max(at) } else { leave = leave.min(at) }
        }
    }
    let at = |t: f64, end: Point| {
        if t == 0.0 {
            from
        } else if t == 1.0 {
            end
        } else {
            (from.0 + t * dx, from.1 + t * dy)
        }
    };
    (enter <= leave).then(|| (at(enter, to), at(leave, to)))
}

/// A polygon cut at the edges of the area (Sutherland and Hodgman's method).
pub(crate) fn clip_polygon(polygon: &[Point], area: &Area) -> Vec<Point> {
    let sides: [(usize, f64, f64); 4] =
        [(0, 1.0, area.left), (0, -1.0, area.right), (1, 1.0, area.top), (1, -1.0, area.bottom)];
    let mut corners = polygon.to_vec();
    for (axis, sign, limit) in sides {
        let depth = |point: &Point| sign * (if axis == 0 { point.0 } else { point.1 } - limit);
        let mut kept = Vec::with_capacity(corners.len() + 4);
        for (index, to) in corners.iter().enumerate() {
            let from = &corners[(index + corners.len() - 1) % corners.len()];
            let (a, b) = (depth(from), depth(to));
            if (a < 0.0) != (b < 0.0) {
                let t = a / (a - b);
                kept.push((from.0 + t * (to.0 - from.0), from.1 + t * (to.1 - from.1)));
            }
            if b >= 0.0 {
                kept.push(*to);
            }
        }
        corners = kept;
    }
    corners
}

/// Keeps the first, lowest, highest and last point of each pixel column where a curve that runs from left to right has
/// more points than pixels; what is left looks the same.
pub(crate) fn thin(points: Vec<Point>) -> Vec<Point> {
    const ENOUGH: usize = 3000;
    if points.len() <= ENOUGH || points.windows(2).any(|pair| pair[1].0 < pair[0].0) {
        return points;
    }
    let mut kept: Vec<Point> = Vec::with_capacity(ENOUGH);
    let mut start = 0;
    while start < points.len() {
        if !points[start].0.is_finite() || !points[start].1.is_finite() {
            kept.push((f64::NAN, f64::NAN));
            start += 1;
            continue;
        }
        let column = points[start].0.floor();
        let mut end = start;
        let (mut low, mut high) = (start, start);
        while end < points.len() && points[end].0.floor() == column && points[end].1.is_finite() {
            if points[end].1 < points[low].1 {
                low = end;
            }
            if points[end].1 > points[high].1 {
                high = end;
            }
            end += 1;
        }
        let mut chosen = [start, low.min(high), low.max(high), end - 1];
        chosen.sort_unstable();
        for (position, &index) in chosen.iter().enumerate() {
            if position == 0 || chosen[position - 1] != index {
                kept.push(points[index]);
            }
        }
        start = end;
    }
    kept
}

/// Cuts a polyline into dashes; `pattern` holds the lengths of dashes and gaps in turn.
pub(crate) fn dashes(points: &[Point], pattern: &[f64]) -> Vec<Vec<Point>> {
    if pattern.is_empty() {
        return vec![points.to_vec()];
    }
    let mut pieces: Vec<Vec<Point>> = Vec::new();
    let (mut phase, mut left) = (0, pattern[0]);
    let mut current: Vec<Point> = points.first().copied().into_iter().collect();
    for pair in points.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        let length = (to.0 - from.0).hypot(to.1 - from.1);
        let mut done = 0.0;
        while length - done > left {
            done += left;
            let t = done / length;
            let at = (from.0 + t * (to.0 - from.0), from.1 + t * (to.1 - from.1));
            if phase % 2 == 0 {
                current.push(at);
                flush(&mut current, &mut pieces);
            } else {
                current = vec![at];
            }
            phase = (phase + 1) % pattern.len();
            left = pattern[phase];
        }
        left -= length - done;
        if phase % 2 == 0 {
            current.push(to);
        }
    }
    if phase % 2 == 0 && current.len() > 1 {
        pieces.push(current);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    const AREA: Area = Area { left: 0.0, top: 0.0, right: 10.0, bottom: 10.0 };

    #[test]
    fn a_line_is_cut_at_the_edges_and_broken_at_nan() {
        let pieces = clip_line(&[(-5.0, 5.0), (5.0, 5.0), (f64::NAN, 5.0), (6.0, 6.0), (6.0, 20.0)], &AREA);
        assert_eq!(pieces, vec![vec![(0.0, 5.0), (5.0, 5.0)], vec![(6.0, 6.0), (6.0, 10.0)]]);
        assert!(clip_line(&[(-5.0, -5.0), (-1.0, 20.0)], &AREA).is_empty());
    }

    #[test]
    fn a_polygon_around_the_area_becomes_the_area() {
        let clipped = clip_polygon(&[(-9.0, -9.0), (19.0, -9.0), (19.0, 19.0), (-9.0, 19.0)], &AREA);
        assert!(clipped.len() >= 4 && clipped.iter().all(|corner| AREA.contains(*corner)));
        assert!(clip_polygon(&[(20.0, 20.0), (30.0, 20.0), (30.0, 30.0)], &AREA).is_empty());
    }

    #[test]
    fn thinning_keeps_every_extreme() {
        let mut points: Vec<Point> = (0..100_000).map(|i| (f64::from(i) * 0.005, (f64::from(i) * 0.7).sin())).collect();
        points[54_321].1 = 99.0;
        let kept = thin(points);
        assert!(kept.len() <= 4 * 501, "{}", kept.len());
        assert!(kept.iter().any(|point| point.1 == 99.0));
    }

    #[test]
    fn dashes_cover_their_share_of_the_line() {
        let points: Vec<Point> = (0..=1000).map(|i| (f64::from(i) * 0.1, 0.0)).collect();
        let pieces = dashes(&points, &[6.0, 4.0]);
        let drawn: f64 = pieces.iter().map(|piece| piece[piece.len() - 1].0 - piece[0].0).sum();
        assert_eq!(pieces.len(), 10);
        assert!((drawn - 60.0).abs() < 1e-9, "{drawn}");
    }
}
