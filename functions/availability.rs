//! Every minute: samples the pool, publishes its metrics, and scales out.

use jibri_autoscaler::{Function, serve};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    serve(Function::Availability).await
}
