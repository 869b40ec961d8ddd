//! `neuropil spikes export-nest`.

use clap::{Args, ValueEnum};
use neuropil_core::files::{check_writable, write_atomically};
use neuropil_spikes::nest::{NestModel, NestOptions, to_nest, to_nest_script};
use serde_json::{Value, json};

use crate::document::document;
use crate::failure::{DONE, Result};
use crate::options::Context;
use crate::spikes::network_args::NetworkArgs;

/// Write a network as a script or as parameters for NEST
///
/// The Python script builds the network in NEST (package nest-simulator), runs it and prints its activity; NEST scales to
/// many machines over MPI. With --out FILE.json, or --json, the parameters in NEST's units.
#[derive(Debug, Args)]
#[command(after_help = r"Examples:
  neuropil spikes export-nest --out wta_nest.py
  neuropil spikes export-nest --network data/wta_network.json --model populations \
      --out wta_nest.json")]
pub(crate) struct ExportNestArgs {
    #[command(flatten)]
    network: NetworkArgs,
    /// neurons: gif_psc_exp; populations: gif_pop_psc_exp
    #[arg(long, value_name = "NAME", default_value = "neurons")]
    model: Model,
    /// Time step of NEST, s
    #[arg(long, value_name = "S", default_value_t = 0.0005)]
    dt: f64,
    /// populations: number of age bins [default: NEST's choice]
    #[arg(long, value_name = "N")]
    age_bins: Option<usize>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Model {
    Neurons,
    Populations,
}

pub(crate) fn run(args: &ExportNestArgs, context: &Context<'_>) -> Result<i32> {
    context.global.refuse_plot("spikes export-nest")?;
    if let Some(path) = &context.global.out {
        check_writable(path, context.global.overwrite())?;
    }
    let network = args.network.network()?;
    let options = NestOptions {
        model: match args.model {
            Model::Neurons => NestModel::Neurons,
            Model::Populations => NestModel::Populations,
        },
        dt: args.dt,
        age_bins: args.age_bins,
        ..NestOptions::default()
    };
    let description = to_nest(&network, &options)?;
    let script = to_nest_script(&network, &options)?;
    let mut shown = script.clone();
    if let Some(path) = &context.global.out {
        let as_json = path.extension().is_some_and(|extension| extension == "json");
        write_atomically(path, context.global.overwrite(), |out| {
            if as_json { writeln!(out, "{description:#}") } else { out.write_all(script.as_bytes()) }
        })?;
        context.console.say(format!("wrote {}", path.display()));
        shown = String::new();
    }
    context.console.show(shown, || {
        let parameters = json!({"network": network, "dt_s": args.dt, "model": options.model.name()});
        document(
            "spikes export-nest",
            context.global.seed(),
            parameters,
            Value::Null,
            json!({"nest": description, "script": script}),
        )
    })?;
    Ok(DONE)
}
