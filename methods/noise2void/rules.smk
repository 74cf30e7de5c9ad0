# Sees measurements alone, not even how strong their noise is.
module bench:
    snakefile:
        config["bench"]
    config:
        config


use rule train from bench with:
    input:
        **config["protocol"],
        y="<measured>/train.y.npy",


use rule restore from bench with:
    input:
        y="<measured>/test.y.npy",
        model="<model>/model.pt",
