# A control: sees two measurements of each training image, and the side information of each.
module bench:
    snakefile:
        config["bench"]
    config:
        config


use rule train from bench with:
    input:
        **config["protocol"],
        y="<measured>/train.y.npy",
        side_info="<measured>/train.side_info.npy",
        y_again="<measured>/train_again.y.npy",
        side_info_again="<measured>/train_again.side_info.npy",


use rule restore from bench with:
    input:
        y="<measured>/test.y.npy",
        side_info="<measured>/test.side_info.npy",
        model="<model>/model.pt",
