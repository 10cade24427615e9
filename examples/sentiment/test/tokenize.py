"""What Python's tokenizers makes of texts: their ids, cut to 512. Usage: tokenize.py TOKENIZER.json TEXTS.json"""

import json
import sys

from tokenizers import Tokenizer

tokenizer = Tokenizer.from_file(sys.argv[1])
tokenizer.no_padding()
tokenizer.enable_truncation(512)
with open(sys.argv[2], encoding="utf-8") as file:
    print(json.dumps([tokenizer.encode(text).ids for text in json.load(file)]))
