"""A run's jobs on a machine that has PyTorch but no Snakemake. Three commands, and a file of jobs that passes between them:

python -m remote.plan    here: asks Snakemake for the jobs of a run and writes those that want a GPU, and what these need
python -m remote.run     there: runs the jobs of the file; it needs this folder and Python alone, the jobs what they import
python -m remote.pack    there: an archive of what was made, to unpack here, where Snakemake goes on
"""
