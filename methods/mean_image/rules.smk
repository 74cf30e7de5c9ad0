# Sees the measurements of all training images and the θ of each.
module bench:
    snakefile:
        config["bench"]
    config:
        config


use rule restore from bench with:
    input:
        y="<measured>/test.y.npy",
        theta="<measured>/test.theta.npy",
        train_y="<measured>/train.y.npy",
        train_theta="<measured>/train.theta.npy",
