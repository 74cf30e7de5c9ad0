# The lower reference: the measurement itself is the estimate.
module bench:
    snakefile:
        config["bench"]
    config:
        config


use rule restore from bench with:
    input:
        y="<measured>/test.y.npy",
