//! What theory says about capacity, errors and basins, to be held against measurements.

mod capacity;
mod cover;
mod feature_dimension;
mod gardner;
mod krawtchouk;
mod radius;
mod walsh_weights;

pub use capacity::{
    dense_error_free_capacity, exponential_capacity_rate, hopfield_bit_error, hopfield_capacity,
    hopfield_error_free_capacity, hypercube_code_rate, iid_sphere_rate, separating_exponent, sphere_code_rate,
};
pub use cover::{cover_probability, ln_binomial};
pub use feature_dimension::feature_dimension;
pub use gardner::{gardner_capacity, gardner_kappa, support_vector_fraction};
pub use krawtchouk::{exponential_walsh_coefficients, krawtchouk, sdm_spectrum, walsh_coefficients};
pub use radius::{certified_radius, single_pattern_radius};
pub(crate) use walsh_weights::normalized_krawtchouk;
pub use walsh_weights::walsh_weights;
