# Sees the measurement and its side information: the mask of seen values, or the noise level.
module bench:
    snakefile:
        config["bench"]
    config:
        config


use rule restore from bench with:
    input:
        y="<measured>/test.y.npy",
        side_info="<measured>/test.side_info.npy",
