//! Every five minutes: predicts the demand of the coming hour, and writes down how many Jibris shall wait when.

use jibri_autoscaler::{Function, serve};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    serve(Function::Forecast).await
}
