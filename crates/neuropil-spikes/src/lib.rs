//! Spiking populations: micro- and mesoscopic simulation, and inference of the hidden circuit.
