print("poplar")
