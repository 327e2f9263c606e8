# For who builds from source: `npm run build:gyp`. native/CMakeLists.txt builds the same addon.
{
  'includes': ['native/sources.gypi'],
  'targets': [
    {
      'target_name': 'semel',
      'sources': ['<@(semel_core_files)', '<@(semel_binding_files)'],
      'include_dirs': ['native', '<!(node -p "require(\'node-addon-api\').include_dir")'],
      'defines': ['NAPI_VERSION=9', 'NODE_ADDON_API_DISABLE_CPP_EXCEPTIONS',
                  'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS', 'NDEBUG'],
      # Node's own settings turn exceptions and RTTI off and choose an older standard.
      'cflags_cc!': ['-fno-exceptions', '-fno-rtti', '-std=gnu++17', '-std=gnu++20'],
      'cflags_cc': [
        '-std=c++20', '-O3', '-Wall', '-Wextra', '-fvisibility=hidden', '-fvisibility-inlines-hidden',
      ],
      'ldflags': ['-pthread'],
      'conditions': [
        ['target_arch=="x64"', {'cflags_cc': ['-msse4.2']}],
        ['target_arch=="arm64"', {'cflags_cc': ['-march=armv8-a+crc']}],
        ['OS=="mac"', {
          'xcode_settings': {
            'CLANG_CXX_LANGUAGE_STANDARD': 'c++20',
            'GCC_ENABLE_CPP_EXCEPTIONS': 'YES',
            'GCC_ENABLE_CPP_RTTI': 'YES',
            'GCC_SYMBOLS_PRIVATE_EXTERN': 'YES',
            'GCC_OPTIMIZATION_LEVEL': '3',
          },
        }],
      ],
    },
  ],
}
