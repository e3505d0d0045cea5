def read_folder(spec):
    raise NotImplementedError
