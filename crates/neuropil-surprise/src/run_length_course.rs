//! The posterior over the run length along a whole sequence.

use ndarray::{Array2, ArrayView2};
use neuropil_core::progress::Monitor;

use crate::blocks::Blocks;
use crate::error::{Error, Result};
use crate::family::for_family;
use crate::filter::check_rows;
use crate::model::ChangePointLearner;
use crate::online::ChangePointStream;
use crate::simulate::MOST_NUMBERS;

impl ChangePointLearner {
    /// Filtered posterior over the number of observations since the last change, `(T, longest)`.
    ///
    /// Element `(t, r - 1)` is `P(r observations belong to the segment of observation t | y up to t)`; the last column
    /// also holds everything longer. Every row sums to one. Memory: `T x longest` numbers.
    ///
    /// # Errors
    /// As [`filter`](Self::filter), when `longest` is 0, when cancelled, or when the method holds no such posterior:
    /// exact, mp and sor do.
    pub fn run_length_course(
        &self,
        y: ArrayView2<'_, f64>,
        blocks: &Blocks,
        longest: usize,
        monitor: &Monitor,
    ) -> Result<Array2<f64>> {
        if y.nrows() == 0 {
            return Err(Error::TooFew { what: "filtering", needed: 1, got: 0 });
        }
        if longest == 0 {
            return Err(Error::parameter("the longest run length", longest, "at least 1"));
        }
        if longest.checked_mul(y.nrows()).is_none_or(|numbers| numbers > MOST_NUMBERS) {
            let allowed = format!("at most {} for {} observations", MOST_NUMBERS / y.nrows(), y.nrows());
            return Err(Error::parameter("the longest run length", longest, allowed));
        }
        blocks.check_length(y.nrows())?;
        self.hazard.validate_for(y.nrows())?;
        for_family!(&self.family, family => check_rows(family, &y, self.missing, 0))?;
        let mut course = Array2::zeros((y.nrows(), longest));
        let task = monitor.task("run lengths", y.nrows() as u64);
        for block in blocks.ranges() {
            let model = Self { hazard: self.hazard.within(block.clone()), ..self.clone() };
            let mut stream = ChangePointStream::new(model)?;
            for t in block {
                if t.is_multiple_of(64) {
                    monitor.check().map_err(|_| Error::Cancelled)?;
                }
                stream.update(&y.row(t).to_vec())?;
                let posterior = stream.run_length_posterior().ok_or_else(|| Error::Unsupported {
                    method: self.method.name().to_owned(),
                    family: "posterior over run lengths".to_owned(),
                    supported: "exact, mp, sor".to_owned(),
                })?;
                for (run_length, probability) in posterior {
                    let column = (run_length.max(1) - 1).min(longest as u64 - 1) as usize;
                    course[[t, column]] += probability;
                }
                task.advance(1);
            }
        }
        Ok(course)
    }
}

#[cfg(test)]
mod tests {
    use approx::assert_abs_diff_eq;
    use ndarray::array;

    use super::*;
    use crate::family::Gaussian;
    use crate::method::Method;

    fn learner() -> ChangePointLearner {
        ChangePointLearner { hazard: 0.1.into(), ..ChangePointLearner::new(Gaussian::default()) }
    }

    #[test]
    fn every_row_is_a_distribution_and_the_last_is_the_stream_s() {
        let y = array![[0.5], [-0.3], [1.2], [4.0], [3.8]];
        let course = learner().run_length_course(y.view(), &Blocks::single(5), 5, &Monitor::silent()).unwrap();
        for row in course.outer_iter() {
            assert_abs_diff_eq!(row.sum(), 1.0, epsilon = 1e-12);
        }
        let last = [0.0171664899, 0.4567770262, 0.3263088056, 0.0265714888, 0.1731761896];
        for (value, expected) in course.row(4).iter().zip(last) {
            assert_abs_diff_eq!(*value, expected, epsilon = 1e-9);
        }
        let short = learner().run_length_course(y.view(), &Blocks::single(5), 2, &Monitor::silent()).unwrap();
        assert_abs_diff_eq!(short[[4, 1]], 1.0 - last[0], epsilon = 1e-9);
    }

    #[test]
    fn blocks_start_anew() {
        let y = array![[0.5], [-0.3], [1.2], [4.0]];
        let blocks = Blocks::from_starts(4, &[0, 2]).unwrap();
        let course = learner().run_length_course(y.view(), &blocks, 4, &Monitor::silent()).unwrap();
        assert_abs_diff_eq!(course[[2, 0]], 1.0, epsilon = 1e-12);
    }

    #[test]
    fn a_method_without_run_lengths_is_refused() {
        let learner = ChangePointLearner { method: Method::VarSmile { m: None }, ..learner() };
        let y = array![[0.5]];
        let error = learner.run_length_course(y.view(), &Blocks::single(1), 3, &Monitor::silent()).unwrap_err();
        assert!(error.to_string().contains("varsmile"), "{error}");
    }
}
