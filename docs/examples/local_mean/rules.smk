# Sees the measurement alone.
module bench:
    snakefile:
        config["bench"]
    config:
        config


use rule restore from bench with:
    input:
        y="<measured>/test.y.npy",
